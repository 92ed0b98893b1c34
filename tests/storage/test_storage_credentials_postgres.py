"""Credentials over PostgreSQL, wired as a server wires them."""

from random import Random

import pytest

from core.clock import SystemClock
from core.errors import Rejected, TokenRevoked
from core.ids import ProcessIds
from storage.credentials.credentials import StoredCredentials
from storage.credentials.keys import SigningKeys
from storage.credentials.passwords import Passwords
from storage.credentials.tokens import AccessTokens
from storage.postgres.erasure import shut_out
from storage.postgres.logins import PostgresLogins
from storage.postgres.sessions import PostgresSessions
from storage.postgres.signing_keys import PostgresKeys


class OvertakenPasswords(Passwords):
    """Somebody is shut out while what they typed is looked at."""

    def __init__(self, database):
        super().__init__(memory_kib=8, rounds=1)
        self._database, self.whose = database, None

    async def check(self, password, stored):
        verdict = await super().check(password, stored)
        login_id = self.whose.replace("-7", "-8")
        assert await shut_out(self._database, 1, self.whose, login_id=login_id, at=0)
        return verdict


async def a_node(database, revoked, passwords=None):
    clock = SystemClock()
    keys = SigningKeys(PostgresKeys(database), bytes(32), clock)
    await keys.load()
    return StoredCredentials(
        PostgresLogins(database),
        passwords or Passwords(memory_kib=8, rounds=1),
        keys,
        AccessTokens(keys, clock),
        clock=clock,
        ids=ProcessIds(clock, Random(1)),
        on_revoked=revoked.append,
    )


async def test_a_login_made_on_one_node_is_good_on_another_until_a_token_is_used_twice(database):
    revoked = []
    one, other = await a_node(database, []), await a_node(database, revoked)
    grant = await one.register(
        1, email="a@b", password="correct horse", name="Ada", handle=None, locale="en"
    )
    assert grant.user.handle == "a"
    principal = await other.authenticate(grant.access_token)
    ticket, _ = await one.ticket(principal)
    assert await other.authenticate(ticket) == principal
    session_id, now = principal.user_id, SystemClock().now_ms()
    sessions = PostgresSessions(database)
    opened = await sessions.open(principal, session_id=session_id, resuming=False, now=now)
    assert not opened.resumed

    renewed = await other.refresh(grant.refresh_token)
    with pytest.raises(Rejected):
        await other.refresh(grant.refresh_token)
    assert revoked == [principal.login_id]
    with pytest.raises(TokenRevoked):
        await one.authenticate(renewed.access_token)
    assert await sessions.open(principal, session_id=session_id, resuming=True, now=now + 1) is None


async def test_who_is_forgotten_while_their_password_is_looked_at_is_not_logged_in(database):
    passwords = OvertakenPasswords(database)
    node = await a_node(database, [], passwords)
    ada = {"email": "a@b", "password": "correct horse"}
    passwords.whose = (await node.register(1, name="Ada", handle=None, locale="en", **ada)).user.id
    with pytest.raises(Rejected) as refused:
        await node.login(1, handle=None, **ada)
    assert refused.value.code == "unauthenticated"
    assert node.statistics()["logins"] == 0


async def test_namesakes_without_a_handle_both_get_one(database):
    node = await a_node(database, [])
    handles = set()
    for domain in ("x.test", "y.test", "z.test"):
        grant = await node.register(
            1, email=f"ada@{domain}", password="correct horse", name="A", handle=None, locale="en"
        )
        handles.add(grant.user.handle)
    assert len(handles) == 3
