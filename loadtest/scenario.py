"""What a scenario is: everything that `chat` leaves to be varied, with `chat`'s answers.

A new scenario is one new file with a subclass, and its name in `loadtest.scenarios`.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

import trio

from loadtest.evidence import ACKNOWLEDGED_WITHIN
from loadtest.measured import Measured
from loadtest.options import at_least_one, not_negative, positive
from loadtest.virtual_users import Seat
from protocol.limits import MAX_CONTENT_BYTES

if TYPE_CHECKING:
    from loadtest.play import Play

MAX_MESSAGES: Final = 2_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What is offered: `rate` messages per second overall, `size` bytes of text each, by the first
    `speakers` users (0: all). `more`: what one scenario alone knows."""

    users: int = 200
    rooms: int = 20
    rate: float = 200.0
    seconds: float = 20.0
    size: int = 120
    speakers: int = 0
    more: Mapping[str, float] = field(default_factory=dict)

    def settings(self) -> dict[str, Any]:
        """Flat, for a report."""
        flat = asdict(self)
        more = flat.pop("more")
        return {**flat, **more}


@dataclass(frozen=True, slots=True, kw_only=True)
class Objective:
    """The most that `key` of the report may be. `text` is said with the value when it is more.

    `most` None: judged only when the user says a limit.
    """

    option: str
    key: str
    most: float | None
    text: str
    help: str

    @property
    def name(self) -> str:
        return self.option.removeprefix("--").replace("-", "_")


P99 = Objective(
    option="--p99-ms",
    key="p99_ms",
    most=200.0,
    text="p99 was {:.1f} ms",
    help="delivery p99, from the intended send time (200)",
)
LOSS = Objective(
    option="--loss", key="lost", most=0, text="{:g} lost", help="lost messages allowed (0)"
)
DUP = Objective(
    option="--dup",
    key="duplicated",
    most=0,
    text="{:g} received more than once",
    help="duplicates allowed (0)",
)
REORDER = Objective(
    option="--reorder",
    key="reordered",
    most=0,
    text="{:g} received out of order",
    help="out of order allowed (0)",
)
REFUSED = Objective(
    option="--rejected",
    key="rejected",
    most=0,
    text="{:g} refused",
    help="messages that the server may refuse (0)",
)
COUNTED = (LOSS, DUP, REORDER, REFUSED)
COMMON = (P99, *COUNTED)


class Scenario:
    """People talk in rooms. Subclasses vary it; an instance holds no state of a run."""

    name: ClassVar[str]
    summary: ClassVar[str]
    about: ClassVar[str] = ""
    load: ClassVar[Load] = Load()
    objectives: ClassVar[tuple[Objective, ...]] = COMMON
    rounds: ClassVar[tuple[str, ...]] = ("load",)
    """Played one after the other on the same connections; the last one is judged, `COUNTED` in all."""
    server_settings: ClassVar[Mapping[str, str]] = {}
    """What the load test's own server is started with, beside or instead of the usual."""
    answered_within: ClassVar[float] = ACKNOWLEDGED_WITHIN
    """Seconds from the intended send time after which a message without its `ok` is lost."""
    cuts_are_meant: ClassVar[bool] = False
    disturbed: ClassVar[str | None] = None
    """Messages whose sender lost his socket on the way: their latencies' name. They are known only
    afterwards, so every delivery is held until then. None: they are judged like any other."""

    def configure(self, parser: argparse._ActionsContainer) -> None:
        """Add the options that describe the load. Defaults are the scenario's own."""
        load = self.load
        parser.add_argument(
            "--users", type=at_least_one, default=load.users, help=f"sessions ({load.users})"
        )
        parser.add_argument(
            "--rooms", type=at_least_one, default=load.rooms, help=f"rooms ({load.rooms})"
        )
        parser.add_argument(
            "--rate", type=positive, default=load.rate, help=f"messages/s overall ({load.rate:g})"
        )
        parser.add_argument(
            "--seconds", type=positive, default=load.seconds, help=f"duration ({load.seconds:g})"
        )
        parser.add_argument(
            "--size", type=at_least_one, default=load.size, help=f"bytes of text ({load.size})"
        )
        parser.add_argument(
            "--speakers",
            type=not_negative,
            default=load.speakers,
            help=f"how many of the users speak, 0: all ({load.speakers})",
        )
        for name, default in load.more.items():
            parser.add_argument(
                f"--{name.replace('_', '-')}",
                type=positive,
                default=default,
                help=f"{self.about_more(name)} ({default:g})",
            )

    def about_more(self, name: str) -> str:
        """The help of one of `load.more`."""
        raise NotImplementedError(name)

    def load_of(self, args: argparse.Namespace) -> Load:
        """What the options say. Raises `ValueError` with a sentence."""
        if args.rooms > args.users:
            raise ValueError("--rooms: at most one per user")
        if args.size > MAX_CONTENT_BYTES:
            raise ValueError(f"--size: a message has at most {MAX_CONTENT_BYTES} bytes")
        if not 1 <= round(args.rate * args.seconds) <= MAX_MESSAGES:
            raise ValueError(
                f"--rate, --seconds: RATE x SECONDS is how many messages are sent; it must be from 1 "
                f"to {MAX_MESSAGES:,}, each of which the audit remembers"
            )
        return Load(
            users=args.users,
            rooms=args.rooms,
            rate=args.rate,
            seconds=args.seconds,
            size=args.size,
            speakers=args.speakers,
            more={name: getattr(args, name) for name in self.load.more},
        )

    def is_excused(self, seat: Seat) -> bool:
        """Whether what this user misses is counted apart, because he is slow on purpose."""
        return False

    def stream(self, play: Play, seat: Seat, stream: trio.abc.Stream) -> trio.abc.Stream:
        """What this user reads his sockets through."""
        return stream

    def seconds_of_round(self, load: Load) -> float:
        """How long each round lasts."""
        return load.seconds

    async def settle(self, play: Play) -> None:
        """What the first process does before the first round, once everybody is in his room. What it
        leaves in `play.beside` is there in every round."""

    async def weather(self, play: Play) -> None:
        """What else happens during a round. Must end by itself soon after `play.over` is set."""

    def group(self, play: Play, recipient: int, intended: float) -> str | None:
        """The name of the latencies that a delivery belongs to; None: those that are judged.
        `intended` in seconds of the round."""
        return None

    def figures(self, rounds: Mapping[str, Measured], excused: int) -> dict[str, Any]:
        """What the report says beside the common figures."""
        return {}

    def failures(self, report: Mapping[str, Any]) -> list[str]:
        """Sentences on broken promises that no option allows."""
        return []

    def warnings(self, report: Mapping[str, Any]) -> list[str]:
        """What should make a reader doubt the scenario's own figures."""
        return []

    def lines(self, report: Mapping[str, Any]) -> list[str]:
        """Sentences for people on the scenario's own figures."""
        return []
