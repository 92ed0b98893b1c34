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
from storage.postgres.logins import PostgresLogins
from storage.postgres.sessions import PostgresSessions
from storage.postgres.signing_keys import PostgresKeys


async def a_node(database, revoked):
    clock = SystemClock()
    keys = SigningKeys(PostgresKeys(database), bytes(32), clock)
    await keys.load()
    return StoredCredentials(
        PostgresLogins(database),
        Passwords(memory_kib=8, rounds=1),
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


async def test_namesakes_without_a_handle_both_get_one(database):
    node = await a_node(database, [])
    handles = set()
    for domain in ("x.test", "y.test", "z.test"):
        grant = await node.register(
            1, email=f"ada@{domain}", password="correct horse", name="A", handle=None, locale="en"
        )
        handles.add(grant.user.handle)
    assert len(handles) == 3
