"""Access tokens and signing keys: what is accepted, and everything that is not."""

import base64
import hmac
import json

import pytest
import trio
from joserfc import jwt
from joserfc.jwk import RSAKey

from core.errors import Rejected, TokenExpired
from core.identity import Role
from core.ports.repositories import User
from storage.credentials.keys import SigningKeys
from storage.credentials.master_key import MasterKeyError
from storage.credentials.tokens import AccessTokens, UnknownKey
from storage.memory.signing_keys import MemoryKeys

ADA = User(
    id="01999999-0000-7000-8000-000000000001",
    tenant_id=1,
    handle="ada",
    name="Ada",
    email="ada@example.test",
    role=Role.PROFESSIONAL,
    locale="de",
    time_zone="UTC",
    currency="EUR",
    preferences={},
    created_at=0,
)
DAY = 86_400


class ManualClock:
    def __init__(self):
        self.at_ms = 1_790_000_000_000

    def now_ms(self):
        return self.at_ms

    def monotonic(self):
        return self.at_ms / 1_000

    def advance(self, seconds):
        self.at_ms += int(seconds * 1_000)


@pytest.fixture
def clock():
    return ManualClock()


@pytest.fixture(scope="module")
def first_keys():
    """Keys are slow to make."""
    store = MemoryKeys()
    trio.run(SigningKeys(store, bytes(32), ManualClock()).load)
    return trio.run(store.all)


@pytest.fixture
def store(first_keys):
    store = MemoryKeys()
    trio.run(store.begin, first_keys)
    return store


@pytest.fixture
def keys(store, clock):
    keys = SigningKeys(store, bytes(32), clock)
    trio.run(keys.load)
    return keys


@pytest.fixture
def tokens(keys, clock):
    return AccessTokens(keys, clock)


def test_a_token_says_who_its_user_is(tokens, clock):
    principal = tokens.verify(tokens.issue(ADA, "login"))
    assert (principal.user_id, principal.tenant_id, principal.login_id) == (ADA.id, 1, "login")
    assert (principal.role, principal.locale) == (Role.PROFESSIONAL, "de")
    assert principal.expires_at == clock.now_ms() + 900_000


def test_anybody_can_verify_it_with_the_published_keys(tokens, keys):
    token = tokens.issue(ADA, "login")
    [published] = [key for key in keys.jwks()["keys"] if key["kid"] == header_of(token)["kid"]]
    assert set(published) == {"kty", "n", "e", "kid", "use", "alg"}
    assert (
        jwt.decode(token, RSAKey.import_key(published), algorithms=["RS256"]).claims["sid"]
        == "login"
    )


def test_a_changed_token_is_refused(tokens):
    header, payload, signature = tokens.issue(ADA, "login").split(".")
    claims = json.loads(unpadded(payload)) | {"role": "admin"}
    for forged in (
        f"{header}.{padded(claims)}.{signature}",
        f"{header}.{payload}.",
        f"{header}.{payload}.{signature[:-8]}AAAAAAAA",
        f"{header}.{payload}",
        f"{header}.{payload}.{signature}.x",
    ):
        assert_refused(tokens, forged)


def test_no_algorithm_is_refused(tokens):
    token = tokens.issue(ADA, "login")
    kid = header_of(token)["kid"]
    for name in ("none", "None", "NONE"):
        header = padded({"alg": name, "typ": "JWT", "kid": kid})
        assert_refused(tokens, f"{header}.{token.split('.')[1]}.")


def test_hs256_with_the_public_key_as_its_secret_is_refused(tokens, keys):
    kid, key = keys.current
    payload = tokens.issue(ADA, "login").split(".")[1]
    signing_input = f"{padded({'alg': 'HS256', 'kid': kid})}.{payload}"
    for secret in (key.as_pem(private=False), key.as_der(private=False)):
        mac = hmac.digest(secret, signing_input.encode(), "sha256")
        signature = base64.urlsafe_b64encode(mac).decode().rstrip("=")
        assert_refused(tokens, f"{signing_input}.{signature}")


def test_another_rsa_algorithm_is_refused(tokens, keys):
    kid, key = keys.current
    plain = RSAKey.import_key(key.as_pem(private=True))
    claims = claims_of(tokens.issue(ADA, "login"))
    for name in ("RS512", "PS256"):
        assert_refused(
            tokens, jwt.encode({"alg": name, "kid": kid}, claims, plain, algorithms=[name])
        )


def test_a_key_of_the_attackers_is_refused_however_it_is_brought(tokens, keys):
    own = RSAKey.generate_key(2_048)
    claims = claims_of(tokens.issue(ADA, "login"))
    kid, _ = keys.current
    for header in (
        {"kid": kid},
        {"kid": kid, "jwk": own.as_dict(private=False)},
        {"kid": kid, "jku": "https://evil.test/keys"},
        {"kid": kid, "x5u": "https://evil.test/cert"},
    ):
        assert_refused(
            tokens, jwt.encode({"alg": "RS256"} | header, claims, own, algorithms=["RS256"])
        )


@pytest.mark.parametrize("kid", [None, "", "../../etc/passwd", 5, ["a"]])
def test_a_missing_or_unknown_kid_is_refused(tokens, keys, kid):
    _, key = keys.current
    claims = claims_of(tokens.issue(ADA, "login"))
    header = padded({"alg": "RS256"} | ({} if kid is None else {"kid": kid}))
    good = jwt.encode({"alg": "RS256", "kid": "x"}, claims, key, algorithms=["RS256"])
    assert_refused(tokens, f"{header}.{'.'.join(good.split('.')[1:])}")


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "elsewhere"},
        {"aud": "elsewhere"},
        {"aud": ["caravan"]},
        {"role": "emperor"},
        {"tid": "1"},
        {"exp": "never"},
        {"exp": None},
        {"iat": 1_790_000_000 + 61},
    ],
)
def test_claims_of_another_kind_are_refused(tokens, keys, change):
    assert_refused(tokens, signed(keys, claims_of(tokens.issue(ADA, "login")) | change))


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "tid", "role", "sid", "iat", "exp"])
def test_a_missing_claim_is_refused(tokens, keys, name):
    claims = claims_of(tokens.issue(ADA, "login"))
    del claims[name]
    assert_refused(tokens, signed(keys, claims))


@pytest.mark.parametrize(
    "junk",
    ["", ".", "..", "a.b.c", "\ud800.b.c", "é.é.é", "." * 5_000, "x" * 1_000_000],
)
def test_junk_is_refused(tokens, junk):
    assert_refused(tokens, junk)


def test_json_nested_on_purpose_is_refused(tokens):
    bomb = base64.urlsafe_b64encode(b'{"kid":' + b"[" * 2_900).decode().rstrip("=")
    assert_refused(tokens, f"{bomb}.{bomb[:20]}.AAAA"[:4_096])


def test_expiry_has_a_leeway_for_other_nodes_clocks(tokens, clock):
    token = tokens.issue(ADA, "login")
    clock.advance(959)
    assert tokens.verify(token)
    clock.advance(1)
    with pytest.raises(TokenExpired):
        tokens.verify(token)


def test_a_forged_token_is_never_called_expired(tokens, clock):
    token = tokens.issue(ADA, "login")
    clock.advance(DAY)
    assert_refused(tokens, token[:-8] + "AAAAAAAA")


async def test_a_rotation_refuses_no_token(tokens, keys):
    before = tokens.issue(ADA, "login")
    published = {key["kid"] for key in keys.jwks()["keys"]}
    await keys.rotate()
    after = tokens.issue(ADA, "login")
    assert header_of(after)["kid"] != header_of(before)["kid"]
    assert header_of(after)["kid"] in published
    assert tokens.verify(before) == tokens.verify(after)
    assert len(keys.jwks()["keys"]) == 3
    await keys.rotate()
    assert_refused(tokens, before)


async def test_keys_rotate_by_themselves_when_they_are_old(keys, clock):
    first, _ = keys.current
    clock.advance(30 * DAY - 1)
    await keys.tend()
    assert keys.current[0] == first
    clock.advance(1)
    await keys.tend()
    assert keys.current[0] != first
    second, _ = keys.current
    await keys.tend()
    assert keys.current[0] == second


async def test_two_nodes_share_their_keys(keys, tokens, store, clock):
    other = SigningKeys(store, bytes(32), clock)
    await other.load()
    assert AccessTokens(other, clock).verify(tokens.issue(ADA, "login"))
    assert other.jwks() == keys.jwks()


async def test_an_unknown_kid_reads_the_keys_again_at_most_once_a_minute(keys, store, clock):
    other = SigningKeys(store, bytes(32), clock)
    await other.load()
    for _ in range(2):
        await other.rotate()
    foreign = AccessTokens(other, clock).issue(ADA, "login")
    tokens = AccessTokens(keys, clock)
    with pytest.raises(UnknownKey):
        tokens.verify(foreign)
    assert await keys.seek() is True
    assert tokens.verify(foreign)
    assert await keys.seek() is False
    clock.advance(60)
    assert await keys.seek() is True


async def test_private_keys_are_sealed_and_another_master_key_is_told_so(keys, store, clock):
    for stored in await store.all():
        assert b'"d"' not in stored.sealed
    with pytest.raises(MasterKeyError, match="does not open"):
        await SigningKeys(store, bytes(31) + b"x", clock).load()


def assert_refused(tokens, token):
    with pytest.raises(Rejected) as refused:
        tokens.verify(token)
    assert refused.value.code == "unauthenticated"
    assert not isinstance(refused.value, TokenExpired)


def signed(keys, claims):
    kid, key = keys.current
    return jwt.encode({"alg": "RS256", "kid": kid}, claims, key, algorithms=["RS256"])


def header_of(token):
    return json.loads(unpadded(token.split(".")[0]))


def claims_of(token):
    return json.loads(unpadded(token.split(".")[1]))


def unpadded(part):
    return base64.urlsafe_b64decode(part + "=" * (-len(part) % 4))


def padded(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
