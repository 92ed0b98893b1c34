"""What every `Sessions` promises."""

from dataclasses import replace

import pytest

from core.errors import TokenRevoked

HALF_AN_HOUR = 1_800


async def test_a_new_session_is_not_resumed_and_knows_the_inbox(people):
    ada = await people.add("ada")
    await people.inboxes.append(
        1, ada.user_id, source="s", kind="k", at=1, fence=0, body=lambda seq: b""
    )
    session_id = people.ids.uuid7()
    opened = await begin(people, ada, session_id)
    assert (opened.session_id, opened.resumed, opened.inbox_head) == (session_id, False, 1)


@pytest.mark.parametrize("open_as", ["begun", "resumed"])
async def test_a_session_knows_from_where_on_the_inbox_is_kept(people, open_as):
    ada, session_id = await people.add("ada"), people.ids.uuid7()
    await begin(people, ada, session_id)

    async def first():
        if open_as == "begun":
            return (await begin(people, ada, people.ids.uuid7())).inbox_first
        return (await resume(people, ada, session_id)).inbox_first

    assert await first() == 1
    for source in "abc":
        await people.inboxes.append(
            1, ada.user_id, source=source, kind="k", at=1, fence=0, body=lambda seq: b""
        )
    assert await first() == 1
    await people.forget_inbox(ada.user_id, 3)
    assert await first() == 3
    assert [item.seq for item in await people.inboxes.read(1, ada.user_id, after=0, limit=9)] == [3]
    await people.forget_inbox(ada.user_id, 4)
    assert await first() == 4
    assert await people.inboxes.head(1, ada.user_id) == 3


async def test_a_known_session_is_resumed_again_and_again(people):
    ada = await people.add("ada")
    session_id = people.ids.uuid7()
    await begin(people, ada, session_id)
    for _ in range(3):
        people.clock.advance(HALF_AN_HOUR - 1)
        assert (await resume(people, ada, session_id)).resumed


async def test_a_session_ends_half_an_hour_after_its_last_socket(people):
    ada = await people.add("ada")
    session_id = people.ids.uuid7()
    await begin(people, ada, session_id)
    people.clock.advance(600)
    await people.sessions.touch([session_id], now=people.clock.now_ms())
    people.clock.advance(HALF_AN_HOUR - 1)
    assert (await resume(people, ada, session_id)).resumed
    people.clock.advance(HALF_AN_HOUR)
    assert await resume(people, ada, session_id) is None


async def test_anothers_session_is_unknown(people):
    ada, bob = await people.add("ada"), await people.add("bob")
    session_id = people.ids.uuid7()
    await begin(people, ada, session_id)
    assert await resume(people, bob, session_id) is None
    assert (await resume(people, ada, session_id)).resumed


async def test_a_session_of_another_login_of_the_same_user_is_unknown(people):
    ada = await people.add("ada")
    session_id = people.ids.uuid7()
    await begin(people, ada, session_id)
    login = people.new_login()
    await people.logins.open(await people.users.get(1, ada.user_id), login, renewed_hash=None)
    assert await resume(people, replace(ada, login_id=login.id), session_id) is None


@pytest.mark.parametrize("session_id", ["", "x", "00000000-0000-7000-8000-000000000000"])
async def test_an_id_that_was_never_given_is_unknown(people, session_id):
    assert await resume(people, await people.add("ada"), session_id) is None


async def test_a_revoked_logins_sessions_are_gone_and_no_new_one_begins(people):
    ada = await people.add("ada")
    session_id = people.ids.uuid7()
    await begin(people, ada, session_id)
    await people.logins.revoke(ada.login_id, now=people.clock.now_ms())
    assert await resume(people, ada, session_id) is None
    with pytest.raises(TokenRevoked):
        await begin(people, ada, people.ids.uuid7())


async def test_touching_what_is_gone_does_nothing(people):
    await people.sessions.touch([people.ids.uuid7()], now=people.clock.now_ms())


async def begin(people, principal, session_id):
    return await people.sessions.open(
        principal, session_id=session_id, resuming=False, now=people.clock.now_ms()
    )


async def resume(people, principal, session_id):
    return await people.sessions.open(
        principal, session_id=session_id, resuming=True, now=people.clock.now_ms()
    )


async def test_touching_an_id_of_a_foreign_form_does_nothing(people):
    await people.sessions.touch(["x"], now=people.clock.now_ms())
