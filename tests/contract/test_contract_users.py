"""What every `Users` promises."""

import pytest
import trio

from core.errors import Rejected
from core.identity import Role
from core.ports.repositories import UserPatch


async def test_a_registered_user_is_found_by_id_and_by_handle_whatever_its_case(people):
    ada = people.person("Ada", email="Ada@Example.test")
    await people.logins.register(ada, "hash", people.new_login())
    assert await people.users.get(1, ada.id) == ada
    assert await people.users.by_handle(1, "aDA") == ada


async def test_ids_of_a_foreign_form_or_tenant_are_unknown(people):
    ada = await people.add("ada")
    assert await people.users.get(1, "not-a-uuid") is None
    assert await people.users.get(2, ada.user_id) is None
    assert await people.users.by_handle(2, "ada") is None
    assert await people.users.many(1, [ada.user_id, "x", people.ids.uuid7()]) == {
        ada.user_id: await people.users.get(1, ada.user_id)
    }


@pytest.mark.parametrize("taken", ["email", "handle"])
async def test_email_and_handle_are_unique_in_a_tenant_whatever_their_case(people, taken):
    await people.add("ada")
    second = (
        people.person("bob", email="ADA@example.TEST")
        if taken == "email"
        else people.person("ADA", email="b@b")
    )
    assert await people.logins.register(second, "hash", people.new_login()) == taken
    assert await people.users.get(1, second.id) is None


async def test_another_tenant_may_have_the_same_names(people):
    await people.add("ada")
    assert (
        await people.logins.register(people.person("ada", tenant=2), "h", people.new_login())
        is None
    )


async def test_of_many_who_want_one_handle_at_once_one_gets_it(people):
    outcomes = []

    async def want(number):
        person = people.person("ada", email=f"ada{number}@example.test")
        outcomes.append(await people.logins.register(person, "hash", people.new_login()))

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(want, number)
    assert sorted(outcomes, key=str) == [None, *["handle"] * 5]


async def test_a_patch_changes_what_it_names_and_nothing_else(people):
    ada = await people.add("ada")
    before = await people.users.get(1, ada.user_id)
    after = await people.users.patch(
        1, ada.user_id, UserPatch(name="Ada L.", preferences={"seat": "window", "pets": [1]})
    )
    assert (after.name, after.preferences) == ("Ada L.", {"seat": "window", "pets": [1]})
    assert (after.handle, after.locale, after.email) == (before.handle, before.locale, before.email)
    assert await people.users.get(1, ada.user_id) == after


async def test_a_handle_can_change_its_case_but_not_become_anothers(people):
    ada = await people.add("ada")
    await people.add("bob")
    assert (await people.users.patch(1, ada.user_id, UserPatch(handle="ADA"))).handle == "ADA"
    with pytest.raises(Rejected) as refused:
        await people.users.patch(1, ada.user_id, UserPatch(handle="Bob"))
    assert refused.value.code == "conflict"
    assert (await people.users.get(1, ada.user_id)).handle == "ADA"


@pytest.mark.parametrize("user_id", ["x", "00000000-0000-7000-8000-000000000000"])
async def test_nobody_cannot_be_patched(people, user_id):
    with pytest.raises(Rejected) as refused:
        await people.users.patch(1, user_id, UserPatch(name="Nobody"))
    assert refused.value.code == "not_found"


async def test_a_role_is_set_by_handle_and_needs_one(people):
    ada = await people.add("ada")
    assert (await people.users.set_role(1, "ADA", Role.ADMIN)).role is Role.ADMIN
    assert (await people.users.get(1, ada.user_id)).role is Role.ADMIN
    with pytest.raises(Rejected) as refused:
        await people.users.set_role(1, "nobody", Role.ADMIN)
    assert refused.value.code == "not_found"


@pytest.mark.parametrize(
    "patch", [{"handle": "has space"}, {"name": "nul\0"}, {"locale": "\ud800"}]
)
async def test_a_value_of_no_proper_form_is_refused_and_changes_nothing(people, patch):
    ada = await people.add("ada")
    before = await people.users.get(1, ada.user_id)
    with pytest.raises(Rejected) as refused:
        await people.users.patch(1, ada.user_id, UserPatch(**patch))
    assert (refused.value.code, refused.value.fields[0][0]) == ("bad_request", next(iter(patch)))
    assert await people.users.get(1, ada.user_id) == before


@pytest.mark.parametrize("handle", ["", "nul\0", "\ud800", "x" * 10_000])
async def test_what_cannot_be_a_handle_is_nobodys(people, handle):
    assert await people.users.by_handle(1, handle) is None
    with pytest.raises(Rejected):
        await people.users.set_role(1, handle, Role.ADMIN)
