"""Who books what with whom: the stories that the fault explorer plays.

A story is played without faults first, which shows the sites that faults can be put at; `planted` are
faults that belong to the story itself, so that what undoes and repairs is reached too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from fake_orders import Flavour

from protocol.booking import Question
from protocol.fraud import Verdict

VISA: Final = "pm_card_visa"
BROKE: Final = "pm_card_visa_chargeDeclinedInsufficientFunds"
STOLEN: Final = "pm_card_visa_chargeDeclinedStolenCard"
SECURE: Final = "pm_card_threeDSecure2Required"
ODD: Final = "pm_card_mastercard"
FOUL: Final = "pm_card_amex"
VERDICTS: Final[Mapping[str, Verdict]] = {ODD: "review", FOUL: "deny"}
"""What is said of a booking with such a card; of all others: `allow`."""
MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
Mood = Literal["pays", "once", "declines", "hesitates", "silent"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """`methods`: tried in this order; after them a good card. `prefers`: kind of question → beginnings of
    option ids, the dearest first. `confirms`: what they say at the provider's page, in turn; then yes.
    "once": whose card is lost has no other. `calls_off`: in one of these states of the saga the organiser has had enough."""

    mood: Mood = "pays"
    methods: tuple[str, ...] = (VISA,)
    confirms: tuple[bool, ...] = ()
    prefers: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    calls_off: tuple[str, ...] = ()
    waits: int = 20_000

    def choice(self, question: Question) -> str:
        """The option they like best: the first there is, unless they prefer something."""
        ids = [option.id for option in question.options]
        for wish in self.prefers.get(question.kind, ()):
            for one in ids:
                if one.startswith(wish):
                    return one
        return ids[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Story:
    """`parts`: id, flavour, minor units. `people` in listed order, the organiser first unless named.
    `ends`: how it may end when nothing is broken but what it plants. `has_desk`: somebody asks hotels
    that did not answer. `has_clerk`: somebody sees to what is manual; `has_reviewer`:
    and allows what waits for a review. `lag`, `issues_after`, `accepts_for`: how slow the consolidator's queue, its
    tickets and the supplier's orders are, in ms. `leaves_in`: when the flight leaves, ms after the beginning;
    None: nobody knows. `airline`: what it does with the flight, so long after it was booked. `has_other`:
    there is another flight. `replaces`: the booking that this one takes the place of. `travellers`: whose names
    are known; none: each person names one, themselves."""

    name: str
    parts: tuple[tuple[str, Flavour, int], ...]
    people: Mapping[str, Person]
    ends: frozenset[str]
    organiser: str = "ada"
    split: Literal["equal"] | Mapping[str, int] = "equal"
    planted: tuple[tuple[str, str], ...] = ()
    last_ticketing_days: float | None = 6.0
    currency: str = "EUR"
    has_desk: bool = False
    has_clerk: bool = False
    has_reviewer: bool = False
    lag: int = 30_000
    issues_after: int = MINUTE
    accepts_for: int = 0
    leaves_in: int | None = None
    airline: tuple[tuple[int, str], ...] = ()
    has_other: bool = False
    replaces: str | None = None
    travellers: int = 0


AMADEUS: Final = ("f", "amadeus", 90_001)
DUFFEL: Final = ("f", "duffel", 60_000)
INN: Final = ("h1", "hotel", 30_000)
LODGE: Final = ("h2", "hotel", 12_345)
GOOD: Final = Person()
BOOKED: Final = frozenset({"COMPLETED"})
UNDONE: Final = frozenset({"CANCELLED"})
CLERK: Final = frozenset({"MANUAL"})


def _three(**others: Person) -> dict[str, Person]:
    return {"ada": GOOD, "ben": GOOD, "cyd": GOOD} | others


def _two(**others: Person) -> dict[str, Person]:
    return {"ada": GOOD, "ben": GOOD} | others


STORIES: Final[Mapping[str, Story]] = {
    story.name: story
    for story in (
        Story(name="amadeus3", parts=(AMADEUS,), people=_three(), ends=BOOKED),
        Story(name="duffel3", parts=(DUFFEL,), people=_three(), ends=BOOKED),
        Story(name="hotel3", parts=(INN,), people=_three(), ends=BOOKED),
        Story(name="trip3", parts=(AMADEUS, INN, LODGE), people=_three(), ends=BOOKED),
        Story(
            name="tour3",
            parts=(DUFFEL, INN, LODGE),
            people=_three(ben=Person(methods=(SECURE,)), cyd=Person(methods=(STOLEN, BROKE, VISA))),
            ends=BOOKED,
        ),
        Story(name="alone", parts=(("f", "instant", 45_000),), people={"ada": GOOD}, ends=BOOKED),
        Story(
            name="dearer",
            parts=(AMADEUS,),
            people=_three(),
            ends=BOOKED,
            planted=(("reprice:f:1", "dearer"),),
        ),
        Story(
            name="cheaper",
            parts=(DUFFEL,),
            people=_three(),
            ends=BOOKED,
            planted=(("reprice:f:1", "cheaper"),),
        ),
        Story(
            name="no_reconsent",
            parts=(DUFFEL,),
            people=_three(cyd=Person(prefers={"reconsent": ("refuse",)})),
            ends=UNDONE,
            planted=(("reprice:f:1", "dearer"),),
        ),
        Story(
            name="resplit",
            parts=(AMADEUS,),
            people=_three(cyd=Person(mood="declines")),
            ends=BOOKED,
        ),
        Story(
            name="gives_up",
            parts=(DUFFEL,),
            people=_three(
                ada=Person(prefers={"resplit": ("cancel",)}),
                cyd=Person(mood="declines", waits=600_000),
            ),
            ends=UNDONE,
        ),
        Story(
            name="silent",
            parts=(AMADEUS,),
            people=_three(
                ada=Person(prefers={"resplit": ("cancel",)}),
                ben=Person(mood="silent"),
            ),
            ends=UNDONE,
        ),
        Story(
            name="lost_order",
            parts=(AMADEUS, INN),
            people=_three(),
            ends=BOOKED,
            planted=(("hold:f:1", "lost"),),
        ),
        Story(
            name="lost_payment",
            parts=(DUFFEL,),
            people=_three(),
            ends=BOOKED,
            planted=(("open_payment:s2:1", "lost"),),
        ),
        Story(
            name="repair",
            parts=(DUFFEL,),
            people=_three(),
            ends=BOOKED,
            planted=(("capture:s2:1", "expired"),),
        ),
        Story(
            name="reviewed",
            parts=(DUFFEL,),
            people=_three(ada=Person(methods=(ODD,)), ben=Person(methods=(VISA, ODD))),
            ends=BOOKED,
            planted=(("capture:s2:1", "expired"),),
            has_reviewer=True,
        ),
        Story(
            name="unanswered",
            parts=(DUFFEL,),
            people={"ada": Person(methods=(ODD,))},
            ends=UNDONE,
        ),
        Story(
            name="denied",
            parts=(DUFFEL,),
            people={"ada": Person(methods=(FOUL,))},
            ends=UNDONE,
        ),
        Story(
            name="repair_denied",
            parts=(DUFFEL,),
            people={"ada": GOOD, "ben": Person(methods=(VISA, FOUL))},
            ends=UNDONE,
            planted=(("capture:s2:1", "expired"),),
        ),
        Story(
            name="sold_out_hotel",
            parts=(AMADEUS, INN),
            people=_three(),
            ends=UNDONE | BOOKED,
            planted=(("hold:h1:1", "sold_out"),),
        ),
        Story(
            name="found",
            parts=(DUFFEL,),
            people=_three(),
            ends=BOOKED,
            planted=(("open_payment:s2:1", "lost"), ("open_payment:s2:2", "denied")),
        ),
        Story(
            name="banks",
            parts=(AMADEUS,),
            people=_three(
                ada=Person(methods=(SECURE,)),
                ben=Person(methods=(SECURE, SECURE), confirms=(False, True)),
            ),
            ends=BOOKED,
        ),
        Story(
            name="second_thoughts",
            parts=(DUFFEL,),
            people=_three(cyd=Person(mood="hesitates")),
            organiser="zoe",
            ends=BOOKED,
        ),
        Story(
            name="no_tickets",
            parts=(AMADEUS, INN),
            people=_three(),
            ends=UNDONE | CLERK,
            planted=(("release:f:1", "refused"),),
        ),
        Story(
            name="clerk",
            parts=(AMADEUS, INN),
            people=_three(),
            ends=BOOKED,
            planted=(("release:f:1", "refused"),),
            has_clerk=True,
        ),
        Story(
            name="clerk_pays",
            parts=(DUFFEL,),
            people=_three(ada=Person(calls_off=("COMPLETED",), prefers={"refund": ("agree",)})),
            ends=UNDONE,
            planted=(("refund:s2:1", "fails_later"),),
            has_clerk=True,
        ),
        Story(
            name="guests",
            parts=(("f", "instant", 45_000), INN),
            people=_three(),
            split={"ada": 75_000},
            ends=BOOKED,
        ),
        Story(
            name="dinars",
            parts=(("f", "duffel", 51_200), ("h1", "hotel", 5_120)),
            people=_three(),
            ends=BOOKED,
            currency="KWD",
        ),
        Story(
            name="slow_desk",
            parts=(AMADEUS,),
            people=_three(),
            ends=BOOKED,
            planted=(("hold:f:1", "lost"),),
            lag=2 * HOUR,
            issues_after=40 * MINUTE,
        ),
        Story(
            name="accepted",
            parts=(DUFFEL,),
            people=_three(),
            ends=BOOKED,
            accepts_for=MINUTE,
        ),
        Story(
            name="hurried",
            parts=(AMADEUS,),
            people=_three(ada=Person(prefers={"resplit": ("others",)}), ben=Person(mood="silent")),
            ends=UNDONE,
            last_ticketing_days=1.05,
        ),
        Story(
            name="desk",
            parts=(DUFFEL, INN, LODGE),
            people=_three(),
            ends=BOOKED,
            planted=(("hold:h1:1", "lost"), ("hold:h2:1", "blank")),
            has_desk=True,
        ),
        Story(
            name="hotels_drop",
            parts=(INN, LODGE),
            people=_three(),
            ends=BOOKED,
            planted=(("hold:h2:1", "sold_out"),),
        ),
        Story(
            name="others_pay",
            parts=(DUFFEL,),
            people=_three(
                ada=Person(prefers={"resplit": ("others",)}), cyd=Person(mood="declines")
            ),
            ends=BOOKED,
        ),
        Story(
            name="given_back",
            parts=(DUFFEL,),
            people=_three(ada=Person(calls_off=("COMPLETED",), prefers={"refund": ("agree",)})),
            ends=UNDONE,
        ),
        Story(
            name="called_off_unknown",
            parts=(AMADEUS,),
            people=_three(ada=Person(calls_off=("ORDER_UNKNOWN",), waits=1_000)),
            ends=UNDONE,
            planted=(("hold:f:1", "lost"),),
        ),
        Story(
            name="moved",
            parts=(AMADEUS,),
            people=_two(),
            ends=BOOKED,
            leaves_in=3 * HOUR,
            airline=((HOUR, "moves"),),
        ),
        Story(
            name="moved_twice",
            parts=(DUFFEL,),
            people=_two(),
            ends=BOOKED,
            leaves_in=3 * HOUR,
            airline=((HOUR, "asks"), (HOUR + 10_000, "asks")),
        ),
        Story(
            name="airline_cancels",
            parts=(DUFFEL,),
            people=_two(),
            ends=UNDONE,
            leaves_in=3 * HOUR,
            airline=((HOUR, "cancels"),),
        ),
        Story(
            name="by_telephone",
            parts=(AMADEUS,),
            people=_two(
                ada=Person(prefers={"supplier_change": ("refund",)}),
                ben=Person(prefers={"supplier_change": ("refund",)}),
            ),
            ends=UNDONE,
            leaves_in=3 * HOUR,
            airline=((HOUR, "moves"),),
            has_clerk=True,
        ),
        Story(
            name="less_back",
            parts=(DUFFEL, INN),
            people=_two(
                ada=Person(prefers={"supplier_change": ("refund",)}),
                ben=Person(prefers={"supplier_change": ("refund",)}),
            ),
            ends=BOOKED,
            leaves_in=3 * HOUR,
            airline=((HOUR, "moves"), (HOUR + 15_000, "keeps")),
        ),
        Story(
            name="rebooks",
            parts=(DUFFEL,),
            people=_two(
                ada=Person(prefers={"supplier_change": ("rebook",)}),
                ben=Person(prefers={"supplier_change": ("rebook",)}),
            ),
            ends=UNDONE,
            leaves_in=3 * HOUR,
            airline=((HOUR, "moves"),),
            has_other=True,
        ),
        Story(
            name="replaces",
            parts=(("f", "instant", 45_000),),
            people={"ada": GOOD},
            ends=BOOKED,
            replaces="b0",
        ),
        Story(
            name="called_off_held",
            parts=(AMADEUS,),
            people=_three(ada=Person(calls_off=("CAPTURING",), waits=1_000)),
            ends=UNDONE,
            planted=(("capture:s2:1", "slow"),),
        ),
        Story(
            name="group",
            parts=(AMADEUS, ("f2", "amadeus", 75_000)),
            people={"ada": GOOD, "ben": GOOD},
            ends=BOOKED,
            travellers=11,
        ),
        Story(
            name="group_sold_out",
            parts=(DUFFEL, ("f2", "duffel", 50_000)),
            people={"ada": GOOD},
            ends=UNDONE,
            planted=(("hold:f2:1", "sold_out"),),
            travellers=11,
        ),
        Story(
            name="leaves",
            parts=(DUFFEL,),
            people=_three(
                ada=Person(prefers={"resplit": ("drop",)}),
                ben=Person(waits=HOUR),
                cyd=Person(mood="declines"),
            ),
            ends=BOOKED,
        ),
        Story(
            name="leaves_held",
            parts=(DUFFEL,),
            people=_three(ada=Person(prefers={"resplit": ("drop",)}), ben=Person(mood="once")),
            ends=BOOKED,
            planted=(("capture:s2:1", "expired"),),
        ),
    )
}
