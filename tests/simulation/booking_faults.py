"""What can go wrong at which site of a booking, by outcome class, and how a scenario is named.

A site is `op:subject:n`: the n-th time that this call, look, notice or command of a person is reached in a
story. A scenario is a story and faults at sites: `trip3+hold:f:1=lost+capture:s2:1=crash_done`.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from booking_stories import STORIES, Story

from actors.booking.sites import LOOKS as LOOK_OPS
from actors.booking.sites import OPS as CALL_OPS

CRASHES: Final = ("crash_sent", "crash_done", "crash_recorded", "usurped")
"""After the intent's commit; after the effect; after the result's commit; after the effect another owner
takes the shard, and the old one's result comes later."""
SILENCES: Final = ("outage", "deaf")
"""For 26 hours nobody answers, whatever is asked of this side: keys grow old meanwhile. `deaf`: what is asked
is done. Days of waiting are long to play: once for each call in the tests, everywhere in the soak."""
ANY_CALL: Final = (
    "not_sent",
    "lost",
    "blank",
    "late",
    "later",
    "busy",
    "slow",
    *CRASHES,
)
"""`lost`: done, and no reply (or one that is no reply). `blank`: not done, and no reply. `late`, `later`: done
90 seconds and 3 hours (an order: 50 minutes) after it was given up. `busy`: not now. `slow`: the reply
takes 20 seconds, and the world goes on."""
REFUSALS: Final[Mapping[str, tuple[str, ...]]] = {
    "open_payment": ("refused", "denied"),
    "authorise": ("declined", "refused", "denied"),
    "capture": ("expired", "refused"),
    "cancel_payment": ("refused",),
    "refund": ("refused", "fails_later"),
    "hold": ("sold_out", "dearer", "refused", "comes_to_nothing"),
    "confirm": ("refused",),
    "release": ("refused",),
    "cancel_order": ("refused",),
    "accept_change": ("refused",),
    "open_replacement": ("refused",),
    "tell_replaced": (),
}
LOOKS: Final = ("not_seen", "crash_seen", "slow")
LOOK_FAULTS: Final[Mapping[str, tuple[str, ...]]] = {
    "read_payment": ("expired",),
    "find_payments": (),
    "reprice": ("dearer", "cheaper", "sold_out"),
    "read_order": ("lapsed",),
    "find_orders": (),
    "quote_refund": (),
    "find_alternative": (),
    "screen": (),
}
JOURNAL: Final = ("crash_before",)
WEBHOOK: Final = ("dropped", "doubled", "delayed")
PERSON: Final = ("crash_before", "crash_after", "doubled")

FAULT_CLASSES: Final[Mapping[str, tuple[str, ...]]] = {
    "not sent": ("not_sent",),
    "effect without reply": ("lost",),
    "no effect, no reply": ("blank", "not_seen"),
    "long silence": SILENCES,
    "late effect": ("late", "later"),
    "slow reply": ("slow",),
    "definite refusal": (
        "denied",
        "refused",
        "declined",
        "expired",
        "sold_out",
        "dearer",
        "cheaper",
        "lapsed",
    ),
    "fails after success": ("fails_later", "comes_to_nothing"),
    "retryable refusal": ("busy",),
    "webhook": ("dropped", "doubled", "delayed"),
    "crash": (*CRASHES, "crash_seen", "crash_before", "crash_after"),
}
"""A garbled reply is an effect without reply: the adapters answer both as `Unknown`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A story, and faults by site. What the story plants is not in `faults`. `seed`: calls, looks, people and
    time come in another order than one after another, and replies overtake one another."""

    story: Story
    faults: tuple[tuple[str, str], ...] = ()
    seed: int | None = None

    @property
    def name(self) -> str:
        begin = self.story.name if self.seed is None else f"{self.story.name}~{self.seed}"
        return "+".join([begin, *(f"{site}={fault}" for site, fault in self.faults)])

    @property
    def at(self) -> dict[str, str]:
        """Site → fault."""
        return dict(self.story.planted) | dict(self.faults)


def named(name: str) -> Scenario:
    """The scenario of that name."""
    begin, *faults = name.split("+")
    story, _, seed = begin.partition("~")
    pairs = [fault.partition("=") for fault in faults]
    return Scenario(
        story=STORIES[story],
        faults=tuple((site, fault) for site, _, fault in pairs),
        seed=int(seed) if seed else None,
    )


def faults_at(site: str) -> tuple[str, ...]:
    """What may happen there."""
    op = site.split(":", 1)[0]
    if op in CALL_OPS:
        return ANY_CALL + REFUSALS[op]
    if op in LOOK_OPS:
        return LOOKS + LOOK_FAULTS[op]
    return {"journal": JOURNAL, "webhook": WEBHOOK, "person": PERSON, "wake": JOURNAL}[op]


def singles(story: Story, sites: Iterable[str]) -> list[Scenario]:
    """Every fault at every site that the story reaches."""
    planted = dict(story.planted)
    return [
        Scenario(story=story, faults=((site, fault),))
        for site in sites
        if site not in planted
        for fault in faults_at(site)
    ]
