"""Groups book under load, small: on the right server nothing is found; on one that breaks a rule, something is.

The controls start ten servers: `make soak` alone runs them all (CARAVAN_BOOKING_CONTROLS=all).
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import pytest

from loadtest.booking import play
from loadtest.booking_report import Plan, report_of
from loadtest.booking_sandbox import Rule
from loadtest.own_server import COMMAND

BROKEN: Final = Path(__file__).with_name("broken_booking_server.py")
FOR_EVER: Final = {"times": None, "seed": "1"}
ORDERS: Final = "/(air/orders|flight-orders)$"


@dataclass(frozen=True, slots=True, kw_only=True)
class Control:
    """`figure`: of the report, which must not be 0 on the broken server. `calms`: the rules end before
    time leaps. `sagas`: so many that one of them can show it."""

    figure: str
    sagas: int = 2
    rules: tuple[Rule, ...] = ()
    tail: float = 8.0
    calms: bool = True
    rest: float = 4.0
    fraud: float = 0.0


def rule(name: str, action: dict[str, Any], **match: Any) -> Rule:
    return {"name": name, "match": match, "action": action, **FOR_EVER}


CONTROLS: Final = {
    "double_capture": Control(figure="double_charges"),
    # Nobody hears of the payments, and they are made once the booking has ended.
    "create_and_confirm": Control(
        figure="orphan_holds",
        rules=(
            rule(
                "late",
                {"type": "late_effect", "ms": 40_000},
                api="stripe",
                method="POST",
                pathRegex="/payment_intents$",
            ),
            rule("deaf", {"type": "drop"}, api="stripe.webhooks"),
        ),
        calms=False,
        rest=30.0,
    ),
    # Of every other booking, at Amadeus; and only where its fare has seats for both orders.
    "order_sent_again": Control(
        figure="orphan_holds",
        sagas=10,
        rules=(rule("lost", {"type": "reset_after"}, method="POST", pathRegex=ORDERS),),
    ),
    "ticket_before_capture": Control(
        figure="early_tickets",
        rules=(rule("lost", {"type": "auth_expire_now"}, api="stripe", pathRegex="/capture$"),),
    ),
    # An order that nobody hears of, and that no list shows for ten minutes.
    "no_dead_man": Control(
        figure="orphan_holds",
        rules=(
            rule("lost", {"type": "reset_after"}, method="POST", pathRegex="/flight-orders$"),
            rule("blind", {"type": "feed_lag", "ms": 600_000}, api="consolidator"),
        ),
        calms=False,
    ),
    "no_screening": Control(figure="fraud_unnoticed", fraud=0.5),
}
ALL: Final = os.environ.get("CARAVAN_BOOKING_CONTROLS") == "all"
LONG: Final = pytest.mark.skipif(not ALL, reason="make soak runs it")


async def played(control: Control, *, breaks: str = "") -> dict[str, Any]:
    command = [sys.executable, str(BROKEN), breaks] if breaks else COMMAND
    plan = Plan(
        sagas=control.sagas,
        seed=1,
        rate=4.0,
        at_once=control.sagas,
        faults="a control's",
        rules=control.rules,
        bad_cards=0.0,
        tail=control.tail,
        calms=control.calms,
        rest=control.rest,
        ends_within=60.0,
        fraud=control.fraud,
        command=command,
    )
    return report_of(plan, await play(plan, lambda line: None))


FIGURES: Final = (
    "ledger_minor",
    "orphan_holds",
    "double_charges",
    "early_tickets",
    "fraud_unnoticed",
)


async def test_two_groups_book_and_who_tries_stolen_cards_does_not() -> None:
    report = await played(Control(figure="", sagas=3, tail=20.0, rest=0.0, fraud=1 / 3))
    assert report["failures"] == []
    assert (report["completed"], report["terminal"], report["untold"]) == (2, 3, 0)
    assert (report["fraud_planted"], report["fraud_stopped"]) == (1, 1)
    assert report["clean_reviewed"] == 0
    assert report["agreed_at_paypal"] == 2


@LONG
@pytest.mark.parametrize("name", CONTROLS)
async def test_the_right_server_keeps_its_promises_whatever_the_control_plays(name: str) -> None:
    report = await played(CONTROLS[name])
    assert report["terminal"] == CONTROLS[name].sagas, report
    assert {figure: report[figure] for figure in FIGURES} == dict.fromkeys(FIGURES, 0), report


@LONG
@pytest.mark.parametrize("name", CONTROLS)
async def test_a_server_that_breaks_a_rule_is_found(name: str) -> None:
    report = await played(CONTROLS[name], breaks=name)
    assert report[CONTROLS[name].figure] > 0, report
    assert report["failures"]
