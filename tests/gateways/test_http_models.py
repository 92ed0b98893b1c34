"""The operators' page of models, and what they change by it."""

from typing import Any

import pytest
from http_fakes import Answer, World

from core.errors import Rejected, Unavailable
from core.identity import Role
from core.ports.models import TAKEN_BACK, Model

PAGE = "/api/v1/admin/models"
FIGURES = {"loss": 0.61, "in_use": 0.66}


async def a_world(*versions: str) -> World:
    """With priors, of which each was promoted after the other."""
    world = World()
    for at, version in enumerate(versions, 1):
        model = Model(kind="prior", version=version, digest="d" * 64, figures=FIGURES, made_at=at)
        await world.model_rows.add(1, model)
        await world.model_rows.promote(1, "prior", version, at=at, by="run")
    return world


async def page(world: World, **options: Any) -> Answer:
    return await world.call("GET", PAGE, **{"token": world.token(Role.ADMIN)} | options)


async def change(world: World, what: str, *, key: str = "", **body: Any) -> Answer:
    headers = {"Idempotency-Key": key} if key else {}
    return await world.call(
        "POST", f"{PAGE}/{what}", token=world.token(Role.ADMIN), json=body, headers=headers
    )


async def test_the_page_says_what_is_in_use_and_how_it_came_to_be() -> None:
    world = await a_world("1", "2")
    world.model_troubles["tower"] = "it cannot be used here: no"
    run = await world.model_rows.begin(1, "daily", node="n", due_at=5, at=6)
    assert run is not None
    await world.model_rows.end(
        1, run, at=7, outcome="skipped", why="3 people", figures={"shown": 9}
    )
    answer = await page(world)
    assert answer.status == 200
    assert answer.json["inUse"] == {"understanding": "ngrams", "wording": "templates"}
    assert answer.json["troubles"] == world.model_troubles
    assert answer.json["wording"] == {}
    newest, older = answer.json["versions"]
    assert newest == {
        "kind": "prior",
        "version": "2",
        "digest": "d" * 64,
        "state": "active",
        "why": "promoted by the run that compared it",
        "figures": FIGURES,
        "madeAt": 2,
        "changedAt": 2,
        "promotedAt": 2,
    }
    assert (older["version"], older["state"]) == ("1", "previous")
    assert answer.json["runs"] == [
        {
            "job": "daily",
            "number": 1,
            "node": "n",
            "dueAt": 5,
            "startedAt": 6,
            "seenAt": 7,
            "endedAt": 7,
            "outcome": "skipped",
            "why": "3 people",
            "figures": {"shown": 9.0},
        }
    ]


async def test_the_page_has_how_many_were_worded_by_whom() -> None:
    world = World(statistics=lambda: {"wording": {"generated": 7, "template": 2, "stale": 0}})
    assert (await page(world)).json["wording"] == {"generated": 7, "template": 2, "stale": 0}


async def test_this_machine_may_read_the_page_and_change_nothing() -> None:
    world = await a_world("1")
    assert (await page(world, token=None, client="127.0.0.1")).status == 200
    assert (await page(world, token=None)).status == 401
    answer = await world.call("POST", f"{PAGE}/prior/rollback", client="127.0.0.1", json={})
    assert answer.status == 401


@pytest.mark.parametrize("role", [Role.USER, Role.PROFESSIONAL, Role.SERVICE])
async def test_who_does_not_configure_the_system_changes_nothing(role: Role) -> None:
    world = await a_world("1", "2")
    for what, body in (("promote", {"version": "1"}), ("rollback", {})):
        answer = await world.call(
            "POST", f"{PAGE}/prior/{what}", token=world.token(role), json=body
        )
        assert (answer.status, answer.json["code"]) == (403, "forbidden")
    active = await world.model_rows.active(1, "prior")
    assert active is not None
    assert active.version == "2"


async def test_an_operator_rolls_back_and_promotes_again() -> None:
    world = await a_world("1", "2")
    back = await change(world, "prior/rollback")
    assert (back.status, back.json["active"]["version"]) == (200, "1")
    assert (await page(world)).json["versions"][0]["why"] == TAKEN_BACK
    assert (await change(world, "prior/rollback")).json == {"active": None}
    none = await change(world, "prior/rollback")
    assert (none.status, none.json["code"]) == (409, "conflict")
    again = await change(world, "prior/promote", version="2")
    assert again.json["active"]["state"] == "active"
    assert again.json["active"]["why"] == "promoted by an operator"


async def test_a_repeated_rollback_goes_one_step() -> None:
    world = await a_world("1", "2", "3")
    for _ in range(2):
        answer = await change(world, "prior/rollback", key="once")
        assert answer.json["active"]["version"] == "2"


async def test_what_is_not_there_is_not_found() -> None:
    world = await a_world("1")
    for what, body in (
        ("prior/promote", {"version": "9"}),
        ("tower/promote", {"version": "1"}),
        ("soul/promote", {"version": "1"}),
        ("soul/rollback", {}),
    ):
        answer = await change(world, what, **body)
        assert (answer.status, answer.json["code"]) == (404, "not_found"), what
    assert (await change(world, "prior/promote")).status == 400


async def test_nobody_shares_feedback_who_did_not_say_so() -> None:
    world = World()

    async def saved(preferences: dict[str, Any]) -> Answer:
        return await world.call(
            "PATCH", "/api/v1/users/me", token=world.token(), json={"preferences": preferences}
        )

    assert "shareFeedback" not in (await saved({"pace": "relaxed"})).json["preferences"]
    assert (await saved({"shareFeedback": True})).json["preferences"] == {"shareFeedback": True}
    assert (await saved({"shareFeedback": False})).json["preferences"] == {}
    assert (await saved({"shareFeedback": "yes"})).status == 400


async def test_moods_count_only_of_who_says_so() -> None:
    world = World()

    async def saved(preferences: dict[str, Any]) -> Answer:
        return await world.call(
            "PATCH", "/api/v1/users/me", token=world.token(), json={"preferences": preferences}
        )

    assert (await saved({"shareMood": True})).json["preferences"] == {"shareMood": True}
    assert (await saved({"shareMood": False})).json["preferences"] == {}
    assert (await saved({"shareMood": 1})).status == 400


@pytest.mark.parametrize("ends", ["stored", "refused", "unknown"])
async def test_a_yes_to_counting_moods_is_taken_back_at_once(
    ends: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where nobody knows whether the profile was stored."""
    world = World()
    me = next(user.id for user in world.users.users.values() if user.role is Role.USER)

    async def saved(**profile: Any) -> int:
        answer = await world.call("PATCH", "/api/v1/users/me", token=world.token(), json=profile)
        return int(answer.status)

    assert await saved(preferences={"shareMood": True}) == 200
    assert await saved(name="Ada L.") == 200
    assert world.moods_told == [(me, True)]
    if ends != "stored":
        refusal = Unavailable() if ends == "unknown" else Rejected("conflict", "No.")

        async def refused(*_: Any) -> None:
            raise refusal

        monkeypatch.setattr(world.users, "patch", refused)
    assert (
        await saved(preferences={"pace": "relaxed"})
        == {
            "stored": 200,
            "refused": 409,
            "unknown": 504,
        }[ends]
    )
    assert world.moods_told == [(me, True), (me, False)]
