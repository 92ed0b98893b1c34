"""What every `Logins` and `KeyStore` promises to credentials."""

import trio

from storage.credentials.records import NotRenewed, Reused, SealedKey, Standing, Ticket

FOREVER = -1


async def test_a_secret_is_found_by_email_or_handle_whatever_its_case(people):
    ada = await people.add("ada")
    by_email = await people.logins.secret(1, email="ADA@example.test", handle=None)
    by_handle = await people.logins.secret(1, email=None, handle="Ada")
    assert by_email == by_handle
    assert (by_email[0].id, by_email[1]) == (ada.user_id, "argon2-of-a-password")
    assert await people.logins.secret(1, email="nobody@example.test", handle=None) is None
    assert await people.logins.secret(2, email=None, handle="ada") is None


async def test_a_login_may_bring_a_renewed_hash(people):
    ada = await people.add("ada")
    user = await people.users.get(1, ada.user_id)
    await people.logins.open(user, people.new_login(), renewed_hash="newer")
    assert (await people.logins.secret(1, email=None, handle="ada"))[1] == "newer"


async def test_who_has_no_password_gets_no_login(people):
    login = people.new_login()
    assert not await people.logins.open(people.person("ada"), login, renewed_hash="newer")
    assert await people.logins.standing(1, people.person("ada").id, login.id) is None
    assert await renew(people, login.refresh_hash, b"next") is NotRenewed.UNKNOWN


async def test_a_refresh_token_gives_one_successor(people):
    ada = await people.add("ada", b"first")
    renewed = await renew(people, b"first", b"second")
    assert renewed == Standing(
        login_id=ada.login_id, user=await people.users.get(1, ada.user_id), is_revoked=False
    )
    assert isinstance(await renew(people, b"second", b"third"), Standing)


async def test_a_spent_refresh_token_revokes_its_login_and_says_so_once(people):
    ada = await people.add("ada", b"first")
    await renew(people, b"first", b"second")
    assert await renew(people, b"first", b"thief") == Reused(ada.login_id, was_standing=True)
    assert await renew(people, b"second", b"third") is NotRenewed.UNKNOWN
    assert await renew(people, b"first", b"thief2") == Reused(ada.login_id, was_standing=False)
    assert (await people.logins.standing(1, ada.user_id, ada.login_id)).is_revoked


async def test_of_two_refreshes_at_once_one_wins_and_the_login_ends(people):
    ada = await people.add("ada", b"first")
    outcomes = []

    async def refresh(number):
        outcomes.append(await renew(people, b"first", b"next-%d" % number))

    async with trio.open_nursery() as nursery:
        for number in range(2):
            nursery.start_soon(refresh, number)
    kinds = {type(outcome) for outcome in outcomes}
    assert kinds == {Standing, Reused}
    assert (await people.logins.standing(1, ada.user_id, ada.login_id)).is_revoked


async def test_unknown_and_too_old_refresh_tokens_give_nothing_and_revoke_nothing(people):
    ada = await people.add("ada", b"first")
    now = people.clock.now_ms()
    assert await renew(people, b"never issued", b"x") is NotRenewed.UNKNOWN
    late = await people.logins.renew(b"first", b"x", now=now, issued_after=now)
    assert late is NotRenewed.UNKNOWN
    assert not (await people.logins.standing(1, ada.user_id, ada.login_id)).is_revoked


async def test_revoking_is_idempotent_and_takes_tickets_along(people):
    ada = await people.add("ada")
    await people.logins.add_ticket(a_ticket(people, ada))
    now = people.clock.now_ms()
    assert await people.logins.revoke(ada.login_id, now=now) is True
    assert await people.logins.revoke(ada.login_id, now=now) is False
    assert await people.logins.revoke(people.ids.uuid7(), now=now) is False
    assert await people.logins.redeem(b"ticket", now=now) is None


async def test_a_revoked_login_gets_no_ticket(people):
    ada = await people.add("ada")
    await people.logins.revoke(ada.login_id, now=people.clock.now_ms())
    await people.logins.add_ticket(a_ticket(people, ada))
    assert await people.logins.redeem(b"ticket", now=people.clock.now_ms()) is None


async def test_a_ticket_is_redeemed_once_even_by_many_at_once(people):
    ada = await people.add("ada")
    await people.logins.add_ticket(a_ticket(people, ada))
    redeemed = []

    async def redeem():
        redeemed.append(await people.logins.redeem(b"ticket", now=people.clock.now_ms()))

    async with trio.open_nursery() as nursery:
        for _ in range(5):
            nursery.start_soon(redeem)
    [won] = [one for one in redeemed if one is not None]
    assert won.standing.login_id == ada.login_id
    assert won.principal_until == ada.expires_at


async def test_an_expired_ticket_is_worth_nothing(people):
    ada = await people.add("ada")
    ticket = a_ticket(people, ada)
    await people.logins.add_ticket(ticket)
    assert await people.logins.redeem(b"ticket", now=ticket.expires_at) is None


async def test_a_login_stands_for_its_own_user_and_tenant_alone(people):
    ada, bob = await people.add("ada"), await people.add("bob")
    assert await people.logins.standing(1, bob.user_id, ada.login_id) is None
    assert await people.logins.standing(2, ada.user_id, ada.login_id) is None
    assert await people.logins.standing(1, "x", "y") is None


async def test_the_first_keys_are_stored_once(people):
    await people.keys.begin([key("a", "current", 1), key("b", "next", 1)])
    await people.keys.begin([key("c", "current", 2), key("d", "next", 2)])
    assert {stored.kid for stored in await people.keys.all()} == {"a", "b"}


async def test_a_rotation_moves_each_key_one_part_on(people):
    await people.keys.begin([key("a", "current", 1), key("b", "next", 1)])
    await people.keys.rotate("a", key("c", "next", 5))
    await people.keys.rotate("b", key("d", "next", 9))
    assert {(one.kid, one.part, one.since) for one in await people.keys.all()} == {
        ("b", "previous", 9),
        ("c", "current", 9),
        ("d", "next", 9),
    }


async def test_a_second_node_does_not_rotate_what_was_rotated(people):
    await people.keys.begin([key("a", "current", 1), key("b", "next", 1)])
    await people.keys.rotate("a", key("c", "next", 5))
    await people.keys.rotate("a", key("d", "next", 5))
    assert {stored.kid for stored in await people.keys.all()} == {"a", "b", "c"}


def key(kid, part, since):
    return SealedKey(kid=kid, part=part, since=since, sealed=b"sealed")


def a_ticket(people, principal):
    return Ticket(
        hash=b"ticket",
        tenant_id=principal.tenant_id,
        login_id=principal.login_id,
        expires_at=people.clock.now_ms() + 30_000,
        principal_until=principal.expires_at,
    )


async def renew(people, spent, fresh):
    return await people.logins.renew(spent, fresh, now=people.clock.now_ms(), issued_after=FOREVER)
