"""Becoming somebody over HTTP (docs/protocol-v1.md §9), and what ends it."""

import base64
import hashlib
import hmac
import json

import pytest
import trio
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from http_client import Caller, call, claims, newcomer, refusal, unpadded, wrong_fields
from raw_client import PASSWORD, Person, Stage, hello, login
from server_process import ServerProcess

OWN = {"id", "handle", "name", "role", "locale", "createdAt", "email", "preferences"}
GRANT = {"user", "accessToken", "refreshToken", "expiresIn"}


@pytest.fixture
def nobody(protocol_server: ServerProcess) -> Caller:
    return Caller(protocol_server.http)


@pytest.fixture
def fresh(protocol_server: ServerProcess, people: dict[str, Person]) -> Person:
    """Ada with a login of this test's own."""
    return login(protocol_server.http, people["ada"])


# Registering and logging in.


def test_registering_makes_a_user_and_a_login(nobody: Caller) -> None:
    body = newcomer(password="pässwört 🗝 with spaces", locale="de")

    answer = nobody.post("auth/register", body)

    assert answer.status_code == 201
    granted = answer.json()
    assert set(granted) == GRANT
    assert granted["expiresIn"] == 900
    user = granted["user"]
    assert set(user) >= OWN
    shown = (user["email"], user["handle"], user["name"], user["role"], user["locale"])
    assert shown == (body["email"], body["handle"], "Newcomer", "user", "de")
    by_mail = {"email": body["email"].upper(), "password": body["password"]}
    assert nobody.post("auth/login", by_mail).json()["user"]["id"] == user["id"]


def test_without_a_handle_one_is_made(nobody: Caller) -> None:
    answer = nobody.post("auth/register", newcomer(handle=None))

    assert answer.status_code == 201
    assert answer.json()["user"]["handle"]


def test_email_and_handle_are_unique_whatever_their_case(
    nobody: Caller, people: dict[str, Person]
) -> None:
    ada = Caller(nobody.http, people["ada"]).get("users/me").json()

    mail = nobody.post("auth/register", newcomer(email=ada["email"].upper()))
    handle = nobody.post("auth/register", newcomer(handle=ada["handle"].upper()))

    assert "e-mail" in refusal(mail, 409, "conflict")
    assert "handle" in refusal(handle, 409, "conflict")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("email", "nobody"),
        ("email", "two@at@caravan.test"),
        ("email", "line\nbreak@caravan.test"),
        ("email", "bell\x07@caravan.test"),
        ("email", f"{'x' * 65}@caravan.test"),
        ("email", "no.dot@localhost"),
        ("email", 7),
        ("email", None),
        ("password", "short"),
        ("password", "x" * 129),
        ("password", None),
        ("name", ""),
        ("name", "   "),
        ("name", "x" * 65),
        ("name", "turn\u202eed"),
        ("name", "nul\0"),
        ("handle", "with space"),
        ("handle", "-first"),
        ("handle", "x" * 65),
        ("handle", ["ada"]),
        ("locale", "klingon"),
        ("role", "admin"),
    ],
)
def test_a_wrong_field_of_a_registration_is_named(
    nobody: Caller, field: str, value: object
) -> None:
    assert wrong_fields(nobody.post("auth/register", newcomer(**{field: value}))) == [field]


def test_all_wrong_fields_are_named_at_once(nobody: Caller) -> None:
    body = {"email": "nobody", "password": "short", "admin": True}

    assert wrong_fields(nobody.post("auth/register", body)) == [
        "admin",
        "email",
        "name",
        "password",
    ]


def test_one_logs_in_by_email_or_by_handle(nobody: Caller, people: dict[str, Person]) -> None:
    ada = people["ada"]
    email = Caller(nobody.http, ada).get("users/me").json()["email"]

    for who in ({"email": email}, {"handle": ada.handle}, {"handle": ada.handle.upper()}):
        answer = nobody.post("auth/login", {**who, "password": PASSWORD, "otp": "123456"})
        assert answer.status_code == 200
        assert set(answer.json()) == GRANT
        assert answer.json()["user"]["id"] == ada.id


def test_a_wrong_password_and_an_unknown_user_look_alike(
    nobody: Caller, people: dict[str, Person]
) -> None:
    wrong = nobody.post("auth/login", {"handle": people["ada"].handle, "password": "wrong one"})
    unknown = nobody.post("auth/login", {"handle": "nobody-here", "password": "wrong one"})

    assert wrong.status_code == unknown.status_code == 401
    assert wrong.json() == unknown.json()
    refusal(wrong, 401, "unauthenticated")
    assert wrong.headers["WWW-Authenticate"].startswith("Bearer")


def test_a_login_names_exactly_one_of_email_and_handle(nobody: Caller) -> None:
    wrong_fields(nobody.post("auth/login", {"password": PASSWORD}))
    wrong_fields(
        nobody.post("auth/login", {"email": "a@b.test", "handle": "a", "password": PASSWORD})
    )


# Refreshing.


def test_a_refresh_gives_a_new_pair_and_the_old_access_token_lives_on(
    nobody: Caller, fresh: Person
) -> None:
    answer = nobody.post("auth/refresh", {"refreshToken": fresh.refresh})

    assert answer.status_code == 200
    granted = answer.json()
    assert set(granted) == GRANT
    assert granted["refreshToken"] != fresh.refresh
    assert granted["user"]["id"] == fresh.id
    for token in (fresh.token, granted["accessToken"]):
        assert call(nobody.http, "GET", "/api/v1/users/me", token=token).status_code == 200
    again = nobody.post("auth/refresh", {"refreshToken": granted["refreshToken"]})
    assert again.status_code == 200


async def test_a_refresh_token_used_twice_ends_its_login_everywhere(
    nobody: Caller, fresh: Person, people: dict[str, Person], stage: Stage
) -> None:
    other = await stage.enter(people["ada"])
    socket = await stage.enter(fresh)
    renewed = nobody.post("auth/refresh", {"refreshToken": fresh.refresh}).json()
    await socket.settled()

    refusal(nobody.post("auth/refresh", {"refreshToken": fresh.refresh}), 401, "unauthenticated")
    with trio.fail_after(1):
        frames, code = await socket.ending()

    assert code == 4201
    assert frames[-1]["type"] == "error"
    assert frames[-1]["code"] == "unauthenticated"
    for token in (fresh.token, renewed["accessToken"]):
        answer = call(nobody.http, "GET", "/api/v1/users/me", token=token)
        refusal(answer, 401, "unauthenticated")
    successor = nobody.post("auth/refresh", {"refreshToken": renewed["refreshToken"]})
    refusal(successor, 401, "unauthenticated")
    await other.settled()  # another login of hers is not concerned


async def test_the_sessions_of_an_ended_login_die_with_it(
    nobody: Caller, fresh: Person, people: dict[str, Person], stage: Stage
) -> None:
    kept = await stage.enter(people["ada"])
    dying = await stage.enter(fresh)
    nobody.post("auth/refresh", {"refreshToken": fresh.refresh})
    nobody.post("auth/refresh", {"refreshToken": fresh.refresh})
    await dying.ending()

    resumed = [
        (
            await stage.enter(
                people["ada"], resume={"sessionId": old.welcome["sessionId"], "rooms": {}}
            )
        ).welcome["resumed"]
        for old in (kept, dying)
    ]

    assert resumed == [True, False]


def test_what_is_no_refresh_token_is_refused(nobody: Caller, fresh: Person) -> None:
    for text in ("guess", fresh.token, "x" * 4_096):
        answer = nobody.post("auth/refresh", {"refreshToken": text})
        refusal(answer, 401, "unauthenticated")
    assert wrong_fields(nobody.post("auth/refresh", {})) == ["refreshToken"]


# Tickets.


async def test_a_ticket_opens_one_socket_once(nobody: Caller, fresh: Person, stage: Stage) -> None:
    answer = nobody.post("auth/ticket", token=fresh.token)
    assert answer.status_code == 200
    assert answer.json()["expiresIn"] == 30
    ticket = answer.json()["ticket"]
    refusal(nobody.post("auth/ticket", token=ticket), 401, "unauthenticated")

    first = await stage.connect()
    await first.tell("hello", **hello(ticket))
    welcome = await first.receive()
    second = await stage.connect()
    await second.tell("hello", **hello(ticket))
    frames, code = await second.ending()

    assert welcome["user"]["id"] == fresh.id
    assert code == 4303
    assert [frame["type"] for frame in frames] == ["error"]


async def test_a_refresh_token_opens_no_socket(fresh: Person, stage: Stage) -> None:
    client = await stage.connect()
    await client.tell("hello", **hello(fresh.refresh))

    assert (await client.ending())[1] == 4303


# Logging out.


async def test_logging_out_ends_tokens_and_sockets_of_this_login_alone(
    nobody: Caller, fresh: Person, people: dict[str, Person], stage: Stage
) -> None:
    other = await stage.enter(people["ada"])
    socket = await stage.enter(fresh)

    assert nobody.post("auth/logout", token=fresh.token).status_code == 200
    with trio.fail_after(1):
        _, code = await socket.ending()

    assert code == 4201
    refusal(nobody.post("auth/logout", token=fresh.token), 401, "unauthenticated")
    refresh = nobody.post("auth/refresh", {"refreshToken": fresh.refresh})
    refusal(refresh, 401, "unauthenticated")
    await other.settled()


# Access tokens.


def signing_key(http: str, token: str) -> RSAPublicKey:
    """The key that a token names, out of the published set."""
    (key,) = [
        key
        for key in call(http, "GET", "/.well-known/jwks.json").json()["keys"]
        if key["kid"] == claims(token, 0)["kid"]
    ]
    assert (key["kty"], key["alg"]) == ("RSA", "RS256")
    assert not set(key) & {"d", "p", "q", "dp", "dq", "qi"}, "a private key is published"
    n, e = (int.from_bytes(unpadded(key[part])) for part in ("n", "e"))
    return RSAPublicNumbers(e, n).public_key()


def test_the_published_keys_verify_an_access_token(
    protocol_server: ServerProcess, fresh: Person
) -> None:
    signed, _, signature = fresh.token.rpartition(".")

    key = signing_key(protocol_server.http, fresh.token)
    key.verify(unpadded(signature), signed.encode(), PKCS1v15(), SHA256())

    said = claims(fresh.token)
    assert claims(fresh.token, 0)["alg"] == "RS256"
    assert (said["sub"], said["role"]) == (fresh.id, "user")
    assert said["exp"] - said["iat"] == 900


def packed(value: dict[str, object]) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).rstrip(b"=").decode()


def test_forged_access_tokens_are_refused(protocol_server: ServerProcess, fresh: Person) -> None:
    head, payload, signature = fresh.token.split(".")
    kid = claims(fresh.token, 0)["kid"]
    admin = packed({**claims(fresh.token), "role": "admin"})
    pem = signing_key(protocol_server.http, fresh.token).public_bytes(
        Encoding.PEM, PublicFormat.SubjectPublicKeyInfo
    )
    confused = f"{packed({'alg': 'HS256', 'kid': kid})}.{payload}"
    mac = hmac.digest(pem, confused.encode(), hashlib.sha256)
    forged = {
        "another role": f"{head}.{admin}.{signature}",
        "no algorithm": f"{packed({'alg': 'none', 'kid': kid})}.{payload}.",
        "the public key as a secret": f"{confused}.{base64.urlsafe_b64encode(mac).decode()}",
        "an unknown key": f"{packed({'alg': 'RS256', 'kid': 'x'})}.{payload}.{signature}",
        "no signature": f"{head}.{payload}.",
        "not JSON": "a.b.c",
        "too long": f"{head}.{payload}.{'x' * 5_000}",
    }

    for why, token in forged.items():
        answer = call(protocol_server.http, "GET", "/api/v1/users/me", token=token)
        assert answer.status_code == 401, why


def test_a_token_in_the_address_is_no_token(protocol_server: ServerProcess, fresh: Person) -> None:
    for name in ("token", "access_token"):
        answer = call(protocol_server.http, "GET", "/api/v1/users/me", query={name: fresh.token})
        assert answer.status_code in (400, 401)
