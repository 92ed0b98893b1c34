"""Planted fraud among the groups: what a client can do whose cards are not its own, or that is a program.

Somebody tries a list of cards on one trip until one is taken; somebody opens many bookings in a minute, and pays
them all at the end. Both pay in full, and would travel if nobody looked.
"""

import random
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

import trio

from loadtest.booking_auditor import Booked
from loadtest.booking_people import BAD_CARDS, GOOD_CARDS, Person, Trip
from loadtest.wire import Frame

CLEAN, CARD_TESTING, FARM = "clean", "card_testing", "farm"
STOLEN: Final = (
    "pm_card_visa_chargeDeclined",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_visa_chargeDeclinedLostCard",
    "pm_card_visa_chargeDeclinedStolenCard",
    "pm_card_chargeDeclinedExpiredCard",
    "pm_card_chargeDeclinedIncorrectCvc",
    "pm_card_visa_chargeDeclinedVelocityLimitExceeded",
    "pm_card_chargeCustomerFail",
    *BAD_CARDS[:2],
    *BAD_CARDS[:2],
    *GOOD_CARDS,
)
"""In the order in which they are tried; the last four are good."""

FARM_OF: Final = 8
"""Bookings that one account opens."""

FARM_WITHIN: Final = 60.0
"""Seconds in which its farm is opened; then each pays all the same."""

BOOKED: Final = "booked"
REVIEWED: Final = ("review", "deny")
LEAST_STOPPED: Final = 0.8
MOST_CLEAN_REVIEWED: Final = 0.005
"""Of planted bookings, and of all others."""

TESTERS_FOR_A_FARM: Final = 8
"""So many there are beside each farm, before there is another farm."""


def kinds_of(sagas: int, share: float, seed: int) -> list[str]:
    """What each saga is: `clean`, `card_testing`, or `farm` with a number behind it; a farm's are neighbours."""
    planted = round(sagas * share)
    farms = planted // (FARM_OF + TESTERS_FOR_A_FARM)
    units = [[f"{FARM} {number}"] * FARM_OF for number in range(farms)]
    units += [[CARD_TESTING]] * (planted - FARM_OF * farms)
    units += [[CLEAN]] * (sagas - planted)
    random.Random(f"{seed}/fraud").shuffle(units)
    return [kind for unit in units for kind in unit]


class CardTester(Person):
    """One stolen number after another, without a pause."""

    def next_card(self) -> str | None:
        return STOLEN[self.cards] if self.cards < len(STOLEN) else None


@dataclass(slots=True)
class Farm:
    """Bookings of one account, which pay once all of them are open."""

    opened: int = 0
    all_open: trio.Event = field(default_factory=trio.Event)

    async def wait(self) -> None:
        self.opened += 1
        if self.opened == FARM_OF:
            self.all_open.set()
        with trio.move_on_after(FARM_WITHIN):
            await self.all_open.wait()


class FarmHand(Person):
    """Hears of all bookings of the account, and sees its own."""

    def is_mine(self, view: Frame) -> bool:
        return bool(self.view) and view["bookingId"] == self.view["bookingId"]


@dataclass(slots=True, kw_only=True, eq=False)
class PlantedTrip(Trip):
    """One saga of somebody alone. `farm`: where it is one of many."""

    farm: Farm | None = None

    def people(self) -> Sequence[Person]:
        made = CardTester if self.farm is None else FarmHand
        return [made(self.accounts[0], self.ws, self.figures, self.rng, 0.0)]

    async def before_paying(self) -> None:
        if self.farm is not None:
            await self.farm.wait()


@dataclass(frozen=True, slots=True, kw_only=True)
class Caught:
    """`stopped`: of what was planted, what no supplier ever had an order of. `unnoticed`: planted, booked, and
    allowed. `clean_reviewed`: the share of all others that was reviewed or denied."""

    planted: int
    stopped: int
    unnoticed: int
    clean_reviewed: float


def caught(
    kinds: Mapping[str, str], bookings: Iterable[Booked], ordered: AbstractSet[str]
) -> Caught:
    """`kinds`: booking id → what it is, of those that were opened. `ordered`: bookings of which a supplier has or
    had an order."""
    known = [(kinds[one.booking_id], one) for one in bookings if one.booking_id in kinds]
    planted = [one for kind, one in known if kind != CLEAN]
    clean = [one.screened in REVIEWED for kind, one in known if kind == CLEAN]
    return Caught(
        planted=len(planted),
        stopped=sum(one.status != BOOKED and one.booking_id not in ordered for one in planted),
        unnoticed=sum(one.status == BOOKED and one.screened not in REVIEWED for one in planted),
        clean_reviewed=round(sum(clean) / len(clean), 5) if clean else 0.0,
    )


def missed(found: Caught) -> list[str]:
    """One sentence per objective that was missed, where something was to be planted."""
    if not found.planted:
        return ["nothing of what was to be planted was opened"]
    sentences = []
    if found.stopped < LEAST_STOPPED * found.planted:
        sentences.append(
            f"{found.stopped} of {found.planted} planted bookings were stopped "
            f"(at least {LEAST_STOPPED:.0%})"
        )
    if found.unnoticed:
        sentences.append(f"{found.unnoticed} planted bookings were booked unnoticed (allowed: 0)")
    if found.clean_reviewed > MOST_CLEAN_REVIEWED:
        sentences.append(
            f"{found.clean_reviewed:.2%} of the others were reviewed "
            f"(at most {MOST_CLEAN_REVIEWED:.1%})"
        )
    return sentences
