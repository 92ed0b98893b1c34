"""For operators: bookings that are stuck, what was asked for them, and how the suppliers are."""

from typing import Annotated, Any, ClassVar, Final, cast

from msgspec import Meta
from msgspec.structs import asdict, replace

from core.errors import Rejected
from core.identity import Permission
from core.ports.bookings import Balance, IntentRecord
from core.ports.fraud import ScreeningRow
from core.texts import sentence
from gateways.http.bookings import BookingItem, item_of
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.booking import BOOKING, OperateBooking, OperatorAction
from protocol.frames import Money

MAX_STUCK: Final = 100
_BREAKERS: Final = ("closed", "half_open", "open")
_NOTE: Final = sentence("Say what was done by hand.")


class ScreeningItem(View, frozen=True):
    """What was said of a booking, and by whom: an operator, or (`by` empty) the screener's `model`."""

    at: int
    verdict: str
    reasons: list[str]
    score: float | None
    model: str
    by: str


class StuckItem(BookingItem, frozen=True):
    """A booking that waits for an operator, or for too long. `why`: a person is needed (MANUAL)."""

    state: str
    needs_operator: bool
    why: str = ""
    screening: ScreeningItem | None = None


class StuckItems(View, frozen=True):
    """Oldest change first, at most 100."""

    items: list[StuckItem]


class IntentItem(View, frozen=True):
    """A call that was intended, and how it ended; `outcome` None: nobody knows (yet)."""

    seq: int
    op: str
    key: str
    committed_at: int
    outcome: str | None
    detail: str
    ended_at: int | None


class BalanceItem(View, frozen=True):
    """Of one account, from this booking's postings; minor units, debits positive."""

    account: str
    currency: str
    amount: int


class OperatedBooking(View, frozen=True):
    """All that is stored of a booking, but for what must not be shown."""

    booking: dict[str, Any]
    intents: list[IntentItem]
    balances: list[BalanceItem]
    screenings: list[ScreeningItem]


class Word(Body, frozen=True):
    """What an operator has to say about it. `settle` needs it."""

    may_be_empty: ClassVar[bool] = True
    note: Annotated[str, Meta(max_length=1_000)] = ""


class Returned(Body, frozen=True):
    """What the supplier of a part that was given up returns; `partId` where several were."""

    amount: Money
    part_id: Annotated[str, Meta(max_length=8)] = ""
    note: Annotated[str, Meta(max_length=1_000)] = ""


class SupplierHealth(View, frozen=True):
    """`breaker`: open means that nothing is asked of it for now."""

    name: str
    breaker: str
    numbers: dict[str, float]


class SupplierHealths(View, frozen=True):
    """Those that are on, payment providers among them."""

    items: list[SupplierHealth]


async def list_stuck(call: Call) -> Reply:
    """Bookings that do not go on by themselves."""
    rows = await call.ports.bookings.stuck(now=call.ports.business.business_ms(), limit=MAX_STUCK)
    items = []
    for row in rows:
        item = item_of(row, call.locale)
        screening = None if row.screening is None else _screening(row.screening)
        why = ""
        if row.state == "MANUAL":
            found = await call.ports.tellings.inspect(call.of().tenant_id, row.booking_id)
            why = str((found or {}).get("manualReason", ""))
        items.append(
            StuckItem(
                **asdict(item),
                state=row.state,
                needs_operator=row.needs_operator,
                why=why,
                screening=screening,
            )
        )
    return json_reply(StuckItems(items=items))


async def inspect_booking(call: Call) -> Reply:
    """One booking with its calls and its money."""
    return json_reply(await _inspected(call))


def _operation(action: OperatorAction) -> Any:
    async def operated(call: Call) -> Reply:
        body = call.body
        if action == "settle" and not body.note.strip():
            raise InvalidFields([FieldProblem("note", _NOTE)])
        command = OperateBooking(operator=call.of().user_id, action=action, note=body.note)
        if isinstance(body, Returned):
            command = replace(command, part_id=body.part_id, amount=body.amount)
        await call.ports.ref(BOOKING.at(call.path["id"])).ask(command, principal=call.of())
        return json_reply(await _inspected(call), 202)

    return operated


async def list_suppliers(call: Call) -> Reply:
    """Who is asked, and whether they answer."""
    items = [
        SupplierHealth(
            name=name,
            breaker=_BREAKERS[int(numbers.get("breaker", 0))],
            numbers={key: float(value) for key, value in numbers.items()},
        )
        for name, numbers in sorted(call.ports.suppliers().items())
    ]
    return json_reply(SupplierHealths(items=items))


async def _inspected(call: Call) -> OperatedBooking:
    ports, tenant_id, booking_id = call.ports, call.of().tenant_id, call.path["id"]
    booking = await ports.tellings.inspect(tenant_id, booking_id)
    if booking is None:
        raise Rejected("not_found", "There is no such booking.")
    return OperatedBooking(
        booking=cast("dict[str, Any]", booking),
        intents=[_intent(one) for one in await ports.bookings.intents(tenant_id, booking_id)],
        balances=[_balance(one) for one in await ports.bookings.balances(tenant_id, booking_id)],
        screenings=[
            _screening(one) for one in await ports.bookings.screenings(tenant_id, booking_id)
        ],
    )


def _intent(one: IntentRecord) -> IntentItem:
    return IntentItem(
        seq=one.seq,
        op=one.op,
        key=one.key,
        committed_at=one.committed_at,
        outcome=one.outcome,
        detail=one.detail,
        ended_at=one.ended_at,
    )


def _screening(one: ScreeningRow) -> ScreeningItem:
    return ScreeningItem(
        at=one.at,
        verdict=one.verdict,
        reasons=list(one.reasons),
        score=one.score,
        model=one.model,
        by=one.by,
    )


def _balance(one: Balance) -> BalanceItem:
    return BalanceItem(account=one.account, currency=one.currency, amount=one.amount)


_ONE: Final = f"{API}/admin/bookings/{{id}}"


def _route(action: OperatorAction, name: str, summary: str, body: type[Body] = Word) -> Route:
    return Route(
        method="POST",
        path=f"{_ONE}/{action}",
        name=name,
        summary=summary,
        handle=_operation(action),
        access=Permission.CONFIGURE_SYSTEM,
        body=body,
        answer=OperatedBooking,
        status=202,
        errors=("not_found", "conflict", "overloaded", "unavailable"),
    )


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/admin/bookings",
        name="listStuckBookings",
        summary="Bookings that do not go on by themselves",
        handle=list_stuck,
        access=Permission.CONFIGURE_SYSTEM,
        answer=StuckItems,
    ),
    Route(
        method="GET",
        path=_ONE,
        name="inspectBooking",
        summary="A booking with its calls and its money",
        handle=inspect_booking,
        access=Permission.CONFIGURE_SYSTEM,
        answer=OperatedBooking,
        errors=("not_found",),
    ),
    _route("retry", "retryBooking", "Have a booking looked at again, and go on"),
    _route("compensate", "compensateBooking", "Undo what can be undone of a booking"),
    _route("settle", "settleBooking", "Close a booking whose rest was done by hand"),
    _route(
        "returned",
        "returnedForBooking",
        "Say what a supplier returns of what was given up",
        Returned,
    ),
    _route("allow", "allowBooking", "Let a booking go on that waits for a review"),
    Route(
        method="GET",
        path=f"{API}/admin/suppliers",
        name="listSuppliers",
        summary="Who is asked, and whether they answer",
        handle=list_suppliers,
        access=Permission.CONFIGURE_SYSTEM,
        answer=SupplierHealths,
    ),
)
