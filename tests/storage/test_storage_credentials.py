"""Registering, logging in, refreshing, tickets: the `Credentials` port over stores in memory."""

from dataclasses import replace
from random import Random

import pytest
import trio

from core.errors import Rejected, TokenExpired, TokenRevoked
from core.identity import Role
from core.ids import ProcessIds
from core.ports.repositories import UserPatch
from storage.credentials.credentials import StoredCredentials
from storage.credentials.keys import SigningKeys
from storage.credentials.passwords import Passwords
from storage.credentials.tokens import AccessTokens
from storage.memory.inboxes import MemoryInboxes
from storage.memory.leases import MemoryShards
from storage.memory.logins import MemoryLogins
from storage.memory.sessions import MemorySessions
from storage.memory.signing_keys import MemoryKeys
from storage.memory.users import MemoryUsers

PASSWORD = "correct horse"
WRONG = "The user or the password is wrong."


class ManualClock:
    def __init__(self):
        self.at_ms = 1_790_000_000_000

    def now_ms(self):
        return self.at_ms

    def monotonic(self):
        return self.at_ms / 1_000

    def advance(self, seconds):
        self.at_ms += int(seconds * 1_000)


class SpiedPasswords(Passwords):
    """Cheap, and remembers what it was asked to compare with."""

    def __init__(self, **parameters):
        super().__init__(**{"memory_kib": 8, "rounds": 1} | parameters)
        self.compared = []

    async def check(self, password, stored):
        self.compared.append(stored)
        return await super().check(password, stored)


class World:
    """One server's credentials, and its neighbours."""

    def __init__(self, key_store):
        self.clock = ManualClock()
        self.ids = ProcessIds(self.clock, Random(7))
        self.users = MemoryUsers()
        self.logins = MemoryLogins(self.users)
        self.sessions = MemorySessions(MemoryInboxes(MemoryShards()), self.logins)
        self.keys = SigningKeys(key_store, bytes(32), self.clock)
        self.passwords = SpiedPasswords()
        self.revoked = []
        self.credentials = self.with_passwords(self.passwords)

    def with_passwords(self, passwords):
        return StoredCredentials(
            self.logins,
            passwords,
            self.keys,
            AccessTokens(self.keys, self.clock),
            clock=self.clock,
            ids=self.ids,
            on_revoked=self.revoked.append,
        )

    async def register(self, handle="ada", **changes):
        fields = {
            "email": f"{handle}@example.test",
            "password": PASSWORD,
            "name": "Ada",
            "handle": handle,
            "locale": "en",
        }
        return await self.credentials.register(1, **fields | changes)

    async def log_in(self, handle="ada", password=PASSWORD):
        return await self.credentials.login(1, email=None, handle=handle, password=password)


@pytest.fixture(scope="module")
def key_store():
    """Keys are slow to make, and these tests do not change them."""
    store = MemoryKeys()
    trio.run(SigningKeys(store, bytes(32), ManualClock()).load)
    return store


@pytest.fixture
async def world(key_store):
    world = World(key_store)
    await world.keys.load()
    return world


async def test_who_registers_is_logged_in(world):
    grant = await world.register()
    principal = await world.credentials.authenticate(grant.access_token)
    assert (principal.user_id, principal.handle, principal.role) == (
        grant.user.id,
        "ada",
        Role.USER,
    )
    assert grant.expires_in == 900
    assert principal.expires_at == world.clock.now_ms() + 900_000


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"email": "no-address"}, "email"),
        ({"email": "a b@example.test"}, "email"),
        ({"password": "short"}, "password"),
        ({"password": "x" * 129}, "password"),
        ({"name": " "}, "name"),
        ({"name": "two\nlines"}, "name"),
        ({"name": "nul\0"}, "name"),
        ({"name": "\ud800"}, "name"),
        ({"email": "\ud800@b"}, "email"),
        ({"handle": "", "email": "a@b"}, "handle"),
        ({"handle": "has space", "email": "a@b"}, "handle"),
        ({"locale": "e!"}, "locale"),
    ],
)
async def test_a_wrong_field_is_named(world, changes, field):
    with pytest.raises(Rejected) as refused:
        await world.register(**changes)
    assert refused.value.code == "bad_request"
    assert [name for name, _ in refused.value.fields] == [field]


@pytest.mark.parametrize("password", ["x" * 8, "é" * 128, "密码密码密码密码", "\ud800 secret"])
async def test_any_eight_to_128_characters_are_a_password(world, password):
    await world.register(password=password)
    assert (await world.log_in(password=password)).user.handle == "ada"


async def test_a_password_is_the_same_however_its_letters_are_composed(world):
    await world.register(password="caf\u00e9 au lait")
    assert await world.log_in(password="cafe\u0301 au lait")


@pytest.mark.parametrize("changes", [{"email": "ADA@example.test"}, {"handle": "Ada"}])
async def test_a_taken_email_or_handle_is_a_conflict(world, changes):
    await world.register()
    with pytest.raises(Rejected) as refused:
        await world.register(**{"email": "new@example.test", "handle": "new"} | changes)
    assert refused.value.code == "conflict"


async def test_without_a_handle_one_is_made_and_namesakes_are_told_apart(world):
    first = await world.register(handle=None, email="ada.l+x@example.test")
    second = await world.register(handle=None, email="ada.l+x@elsewhere.test")
    assert first.user.handle == "ada.lx"
    assert second.user.handle.startswith("ada.lx-")


@pytest.mark.parametrize(
    "who", [{"email": None, "handle": "ADA"}, {"email": "Ada@Example.test", "handle": None}]
)
async def test_one_logs_in_by_handle_or_email(world, who):
    grant = await world.register()
    again = await world.credentials.login(1, password=PASSWORD, **who)
    assert again.user == grant.user
    assert again.refresh_token != grant.refresh_token


async def test_every_failed_login_has_the_same_words_and_costs_a_hash(world):
    await world.register()
    words = []
    for handle, password in (
        ("ada", "wrong password"),
        ("nobody", PASSWORD),
        ("nul\0", PASSWORD),
        ("ada", "\ud800" * 200),
    ):
        with pytest.raises(Rejected) as refused:
            await world.log_in(handle, password)
        words.append((refused.value.code, refused.value.text))
    assert words == [("unauthenticated", WRONG)] * 4
    assert [stored is None for stored in world.passwords.compared] == [False, True, True, False]
    assert world.passwords.statistics()["hashed"] == 5


async def test_hashes_under_old_parameters_are_renewed_at_the_next_login(world):
    await world.register()
    _, old = await world.logins.secret(1, email=None, handle="ada")
    world.credentials = world.with_passwords(SpiedPasswords(rounds=2))
    await world.log_in()
    _, new = await world.logins.secret(1, email=None, handle="ada")
    assert ("t=1" in old, "t=2" in new) == (True, True)
    await world.log_in()
    assert (await world.logins.secret(1, email=None, handle="ada"))[1] == new


async def test_a_refresh_gives_new_tokens_for_the_same_login_with_the_role_of_now(world):
    grant = await world.register()
    await world.users.set_role(1, "ada", Role.ADMIN)
    renewed = await world.credentials.refresh(grant.refresh_token)
    before = world.credentials.verify(grant.access_token)
    after = world.credentials.verify(renewed.access_token)
    assert (before.role, after.role) == (Role.USER, Role.ADMIN)
    assert before.login_id == after.login_id


async def test_a_spent_refresh_token_ends_the_login_its_sessions_and_its_sockets(world):
    grant = await world.register()
    principal = world.credentials.verify(grant.access_token)
    session_id = world.ids.uuid7()
    now = world.clock.now_ms()
    await world.sessions.open(principal, session_id=session_id, resuming=False, now=now)
    renewed = await world.credentials.refresh(grant.refresh_token)
    for token in (grant.refresh_token, renewed.refresh_token, grant.refresh_token):
        with pytest.raises(Rejected) as refused:
            await world.credentials.refresh(token)
        assert refused.value.code == "unauthenticated"
    assert world.revoked == [principal.login_id]
    with pytest.raises(TokenRevoked):
        await world.credentials.authenticate(renewed.access_token)
    assert (
        await world.sessions.open(principal, session_id=session_id, resuming=True, now=now) is None
    )


async def test_reuse_ends_one_login_and_no_other(world):
    grant, other = await world.register(), await world.log_in()
    await world.credentials.refresh(grant.refresh_token)
    with pytest.raises(Rejected):
        await world.credentials.refresh(grant.refresh_token)
    assert await world.credentials.authenticate(other.access_token)


@pytest.mark.parametrize("token", ["", "x", "\ud800", "x" * 100_000])
async def test_what_was_never_a_token_is_refused(world, token):
    with pytest.raises(Rejected) as refused:
        await world.credentials.refresh(token)
    assert refused.value.code == "unauthenticated"
    with pytest.raises(Rejected) as refused:
        await world.credentials.authenticate(token)
    assert refused.value.code == "unauthenticated"


async def test_a_login_that_nobody_refreshes_is_over_after_30_days(world):
    grant = await world.register()
    world.clock.advance(30 * 86_400)
    with pytest.raises(Rejected):
        await world.credentials.refresh(grant.refresh_token)
    assert world.revoked == []


async def test_a_ticket_opens_one_socket_until_its_askers_token_ends(world):
    grant = await world.register()
    principal = world.credentials.verify(grant.access_token)
    ticket, expires_in = await world.credentials.ticket(principal)
    world.clock.advance(29)
    assert expires_in == 30
    admitted = await world.credentials.authenticate(ticket)
    assert admitted == replace(principal, created_at=grant.user.created_at)
    with pytest.raises(Rejected):
        await world.credentials.authenticate(ticket)


async def test_a_ticket_lives_30_seconds(world):
    grant = await world.register()
    ticket, _ = await world.credentials.ticket(world.credentials.verify(grant.access_token))
    world.clock.advance(30)
    with pytest.raises(Rejected):
        await world.credentials.authenticate(ticket)


async def test_logout_revokes_at_once_and_tells_it_once(world):
    grant = await world.register()
    principal = world.credentials.verify(grant.access_token)
    ticket, _ = await world.credentials.ticket(principal)
    await world.credentials.demand_standing(principal)
    await world.credentials.logout(principal)
    await world.credentials.logout(principal)
    with pytest.raises(TokenRevoked):
        await world.credentials.demand_standing(principal)
    assert world.revoked == [principal.login_id]
    for token in (grant.access_token, ticket):
        with pytest.raises(Rejected):
            await world.credentials.authenticate(token)
    assert world.credentials.verify(grant.access_token) == principal


async def test_authenticate_reads_afresh_what_the_token_says_of_its_user(world):
    grant = await world.register()
    await world.users.patch(1, grant.user.id, UserPatch(name="Ada L.", handle="lovelace"))
    principal = await world.credentials.authenticate(grant.access_token)
    assert (principal.name, principal.handle) == ("Ada L.", "lovelace")
    assert principal.created_at == grant.user.created_at > 0
    assert world.credentials.verify(grant.access_token) == replace(
        principal, name="Ada", handle="ada", created_at=0
    )


async def test_only_time_makes_a_token_expired(world):
    grant = await world.register()
    world.clock.advance(900 + 59)
    assert await world.credentials.authenticate(grant.access_token)
    world.clock.advance(1)
    with pytest.raises(TokenExpired):
        await world.credentials.authenticate(grant.access_token)


async def test_no_secret_is_stored_or_shown_as_it_is(world):
    grant = await world.register()
    ticket, _ = await world.credentials.ticket(world.credentials.verify(grant.access_token))
    stored = repr((vars(world.logins), vars(world.users), world.credentials.statistics()))
    for secret in (PASSWORD, grant.refresh_token, grant.access_token, ticket):
        assert secret not in stored


async def test_a_token_of_a_key_that_another_node_has_just_made_is_good_after_one_look(key_store):
    store = MemoryKeys()
    await store.begin(await key_store.all())
    world = World(store)
    await world.keys.load()
    grant = await world.register()
    login_id = world.credentials.verify(grant.access_token).login_id
    other = SigningKeys(store, bytes(32), world.clock)
    await other.load()
    for _ in range(2):
        await other.rotate()
    token = AccessTokens(other, world.clock).issue(grant.user, login_id)
    assert (await world.credentials.authenticate(token)).user_id == grant.user.id
    assert world.credentials.jwks() == other.jwks()
    await other.rotate()
    await other.rotate()
    unseen = AccessTokens(other, world.clock).issue(grant.user, login_id)
    with pytest.raises(Rejected):
        await world.credentials.authenticate(unseen)


async def test_when_every_variation_of_a_handle_is_taken_one_is_asked_for(world, monkeypatch):
    await world.register(handle="ada")
    monkeypatch.setattr(StoredCredentials, "_varied", lambda _, stem: stem)
    with pytest.raises(Rejected) as refused:
        await world.register(handle=None, email="ada@elsewhere.test")
    assert refused.value.code == "conflict"
