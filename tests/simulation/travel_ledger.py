"""What happened, in order, between travellers, our store and the suppliers: what the judge reads.

Notes are numbered: of two things at the same virtual moment one was first.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import Literal

import trio
from travel_sandbox import Moment

from core.errors import Rejected
from core.ports.travel_search import Found, Repriced
from gateways.partners.resilience import CallFailed, GuardPolicy
from protocol.travel import Offer, Query, SupplierOffer

Outcome = Literal["answered", "fault", "limited", "given_up"]


@dataclass(slots=True, eq=False)
class Call:
    """One thing that a traveller asked of us. `outcome` None: the traveller went away. `within`:
    seconds that it may take, if that was said. `row`: the offer as it was stored when its price was asked. `began`, `ended`: numbers of notes. `is_away`:
    there were no suppliers when it began; `is_store_down`: our store failed it."""

    traveller: str
    what: Literal["search", "price"]
    query: Query
    offer_id: str = ""
    within: float | None = None
    row: Offer | None = None
    began: int = 0
    ended: int = 0
    began_at: float = 0.0
    ended_at: float = 0.0
    is_away: bool = False
    is_store_down: bool = False
    is_last: bool = False
    outcome: Found | Repriced | Rejected | BaseException | None = None


CALL: ContextVar[Call | None] = ContextVar("CALL", default=None)
"""Who is being served: in the tasks of a search that is shared, who began it."""


def priced() -> Call | None:
    """The call for which a supplier is asked alone; None: what it says is for everybody."""
    call = CALL.get()
    return call if call is not None and call.what == "price" else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Returned:
    """A supplier's search came to something. `now` is our wall clock, in milliseconds."""

    number: int
    now: int
    supplier: str
    query: Query
    offers: tuple[SupplierOffer, ...]
    call: Call | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """A machine named a price for one offer."""

    number: int
    offer: SupplierOffer
    moment: Moment
    call: Call | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Denied:
    """A supplier said that it does not sell something: the offer, or anything to the query."""

    number: int
    supplier: str
    query: Query
    call: Call | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Composed:
    """Offers are about to be stored, and then shown."""

    number: int
    now: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step at a supplier's door. An `end` says how the attempt ended, and whether the supplier's
    side let it be repeated."""

    what: Literal["read", "begin", "end"]
    at: float
    read: int
    attempt: int = 0
    outcome: Outcome = "answered"
    may_repeat: bool = True


class Door:
    """All that came through one guard, as the supplier's side of it saw it."""

    def __init__(self, name: str, policy: GuardPolicy) -> None:
        self.name, self.policy = name, policy
        self.steps: list[Step] = []
        self._reads = self._attempts = 0

    def read(self) -> int:
        """A read begins; its number."""
        self._reads += 1
        self.steps.append(Step(what="read", at=trio.current_time(), read=self._reads))
        return self._reads

    @contextmanager
    def attempt(self, read: int) -> Iterator[None]:
        """Around one attempt."""
        self._attempts += 1
        number, began = self._attempts, trio.current_time()
        self.steps.append(Step(what="begin", at=began, read=read, attempt=number))
        outcome: Outcome = "answered"
        may_repeat = True
        try:
            yield
        except CallFailed as failure:
            outcome, may_repeat = "fault" if failure.is_fault else "limited", failure.may_retry
            raise
        except BaseException:
            outcome = "fault" if self._is_late(trio.current_time() - began) else "given_up"
            raise
        finally:
            end = Step(
                what="end",
                at=trio.current_time(),
                read=read,
                attempt=number,
                outcome=outcome,
                may_repeat=may_repeat,
            )
            self.steps.append(end)

    def _is_late(self, lasted: float) -> bool:
        """Given up after so long that it counts against the supplier."""
        return lasted >= self.policy.slow_after or lasted >= self.policy.call_within - 1e-6


@dataclass(slots=True)
class Ledger:
    """All of it. `rows`: each offer as it was stored, by id, with the note's number; `renewals`: when
    the search began anew, with other suppliers."""

    calls: list[Call] = field(default_factory=list)
    doors: list[Door] = field(default_factory=list)
    returned: list[Returned] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    denied: list[Denied] = field(default_factory=list)
    composed: dict[str, Composed] = field(default_factory=dict)
    rows: dict[str, list[tuple[int, Offer]]] = field(default_factory=dict)
    renewals: list[float] = field(default_factory=list)
    _numbers: int = 0

    def number(self) -> int:
        """The next note's."""
        self._numbers += 1
        return self._numbers

    def door(self, name: str, policy: GuardPolicy) -> Door:
        """A new guard's."""
        self.doors.append(Door(name, policy))
        return self.doors[-1]

    def note_row(self, offer: Offer) -> None:
        """It is stored now."""
        self.rows.setdefault(offer.id, []).append((self.number(), offer))

    def note_search(
        self, supplier: str, query: Query, offers: Sequence[SupplierOffer], now: int
    ) -> None:
        self.returned.append(
            Returned(
                number=self.number(),
                now=now,
                supplier=supplier,
                query=query,
                offers=tuple(offers),
                call=priced(),
            )
        )

    def note_price(self, offer: SupplierOffer, moment: Moment) -> None:
        told = Told(number=self.number(), offer=offer, moment=moment, call=priced())
        self.told.append(told)

    def note_no(self, supplier: str, query: Query) -> None:
        no = Denied(number=self.number(), supplier=supplier, query=query, call=priced())
        self.denied.append(no)
