"""What is played for the crash suite, and where processes end while it is: one story, one site, one reach."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

from booking_audit import Evidence
from booking_people import VISA, Script
from booking_stand import Victim

from actors.booking.sites import (
    AFTER_COMMIT,
    BEFORE_COMMIT,
    RESULT_COMMITTED,
    after_call,
    before_call,
)
from gateways.sandbox.sites import WEBHOOK_AFTER, WEBHOOK_BEFORE, after_effect, before_effect

WEBHOOKS: Final = (2, 4, 6)
"""With these the sandbox ends; the first may still be those of a booking before."""

EFFECTS: Final = {
    "open_payment": ("stripe.open", "paypal.open"),
    "authorise": ("stripe.confirm", "paypal.ask", "paypal.authorise"),
    "capture": ("stripe.capture", "paypal.capture"),
    "cancel_payment": ("stripe.cancel", "paypal.void"),
    "refund": ("stripe.refund", "paypal.refund"),
    "hold": ("amadeus.order", "amadeus.room", "duffel.order"),
    "confirm": ("duffel.pay",),
    "release": ("consolidator.release",),
    "cancel_order": ("amadeus.cancel", "duffel.quote_cancel", "duffel.cancel"),
    "accept_change": ("duffel.accept",),
    "open_replacement": (),
    "tell_replaced": (),
}
"""What the sandbox does for a call."""

PAYPAL: Final = "paypal"
ASKING: Final = "pm_card_authenticationRequired"


@dataclass(frozen=True, kw_only=True)
class Story:
    """`lapses`: Bob's hold runs out when it is to be captured; of one that is paid `at_paypal`, that of whom
    `loses`. `votes`: once it is booked its airline moves the flight, and that is what everybody chooses; processes end from
    then on. `only`: the sites that are gone through, by their beginnings; all of them where there are none."""

    name: str
    supplier: str
    kind: str = "flight"
    only: tuple[str, ...] = ()
    ada: Script = field(default_factory=Script)
    bob: Script = field(default_factory=Script)
    lapses: bool = False
    loses: Literal["ada", "bob"] = "bob"
    votes: Literal["", "accept", "rebook"] = ""

    @property
    def at_paypal(self) -> bool:
        return PAYPAL in self.bob.methods


STORIES: Final = {
    story.name: story
    for story in (
        Story(name="happy", supplier="amadeus"),
        Story(
            name="unwinding",
            supplier="amadeus",
            bob=Script(gives_up=True),
            lapses=True,
        ),
        Story(
            name="repair",
            supplier="duffel",
            bob=Script(methods=(ASKING, VISA), has_other_card=True),
            lapses=True,
        ),
        Story(
            name="unwinding at duffel",
            supplier="duffel",
            bob=Script(gives_up=True),
            lapses=True,
            only=("call.cancel_order", "duffel.quote_cancel", "duffel.cancel"),
        ),
        Story(name="stay", supplier="amadeus", kind="hotel", only=("call.hold", "amadeus.room")),
        Story(
            name="paypal",
            supplier="amadeus",
            bob=Script(methods=(PAYPAL,)),
            only=("call.open_payment", "call.authorise", "call.capture", "paypal."),
        ),
        Story(
            name="paypal lost",
            supplier="amadeus",
            bob=Script(methods=(PAYPAL,), gives_up=True),
            lapses=True,
            only=("call.cancel_payment", "paypal.void"),
        ),
        Story(
            name="paypal refunded",
            supplier="amadeus",
            ada=Script(gives_up=True),
            bob=Script(methods=(PAYPAL,)),
            lapses=True,
            loses="ada",
            only=("call.refund", "paypal.refund"),
        ),
        Story(
            name="changed",
            supplier="duffel",
            votes="accept",
            only=("call.", "commit.", "result.", "duffel."),
        ),
        Story(
            name="replaced",
            supplier="duffel",
            votes="rebook",
            only=(
                *("call.open_replacement", "call.tell_replaced", "call.cancel_order"),
                *("call.refund", "result.", "duffel.cancel"),
            ),
        ),
    )
}


@dataclass(frozen=True, kw_only=True)
class Point:
    """Where a process ends. `site` "": nowhere. `is_awaited`: people look again once they are connected again;
    else the booking goes on by itself."""

    story: str
    victim: Victim = "server"
    site: str = ""
    nth: int = 1
    is_awaited: bool = True

    @property
    def crash_at(self) -> str:
        return f"{self.site}:{self.nth}" if self.site else ""

    def __str__(self) -> str:
        return f"{self.story}, {self.victim} at {self.crash_at or 'no site'}"


def points_of(
    seen: Evidence, story: Story, *, before: Evidence | None = None, others: Sequence[Evidence] = ()
) -> list[Point]:
    """All at which a booking that went as `seen` may lose the server or the sandbox: each reach of each
    site, from `before` on, and with what was opened in its place. Every fifth of the server's leaves people waiting, every second of the sandbox's is a child's."""
    ops = Counter(str(row["op"]) for one in (seen, *others) for row in one.intents)
    commits = sum(one.saga.revision for one in (seen, *others))
    if before is not None:
        ops -= Counter(str(row["op"]) for row in before.intents)
        commits -= before.saga.revision
    reaches = Counter({BEFORE_COMMIT: commits, AFTER_COMMIT: commits})
    reaches[RESULT_COMMITTED] = ops.total()
    for op, count in ops.items():
        reaches[before_call(op)] = reaches[after_call(op)] = count
    points = [
        Point(story=story.name, site=site, nth=nth, is_awaited=nth % 5 > 0)
        for site, count in reaches.items()
        for nth in range(1, count + 1)
    ]
    effects: Counter[str] = Counter()
    for op, count in ops.items():
        for effect in EFFECTS[op]:
            if op == "hold" and effect.endswith(".room") != (story.kind == "hotel"):
                continue
            provider = effect.split(".")[0]
            if provider in ("stripe", PAYPAL) and story.at_paypal:
                effects[before_effect(effect)] = effects[after_effect(effect)] = 1
            elif provider in ("stripe", "consolidator", story.supplier):
                effects[before_effect(effect)] = effects[after_effect(effect)] = count
    for victim, places in (("sandbox", (".before",)), ("child", (".after",))):
        points += [
            Point(story=story.name, victim=victim, site=site, nth=nth)
            for site, count in effects.items()
            if site.endswith(places)
            for nth in range(1, count + 1)
        ]
    points += [
        Point(story=story.name, victim="sandbox", site=site, nth=nth)
        for site in (WEBHOOK_BEFORE, WEBHOOK_AFTER)
        for nth in WEBHOOKS
    ]
    return [one for one in points if not story.only or one.site.startswith(story.only)]
