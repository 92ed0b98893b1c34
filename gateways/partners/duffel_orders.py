"""Our orders as Duffel's (API v2), and theirs as ours: pure. Source: APIS §5.1.

Our reference is in an order's metadata, by which Duffel does not search: who looks for it reads the list.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final

import msgspec

from gateways.partners import duffel_wire as wire
from gateways.partners.duffel_offers import NAME, itinerary
from gateways.partners.people import age_on, digits, document, last_day
from protocol.frames import Money
from protocol.money import decimal_text, money
from protocol.travel import Itinerary, OrderState, SupplierOffer, Ticket, Traveller

REFERENCE: Final = "reference"
MAX_REFERENCE: Final = 200
INFANT_UNDER: Final = 2
VOUCHERS: Final = frozenset({"voucher", "airline_credits"})
"""Where a refund goes that nobody is paid back from."""

_NEVER: Final = datetime.min.replace(tzinfo=UTC)
_INFANT: Final = "infant_without_seat"
_ORDER_ID: Final = re.compile(r"ord_[0-9A-Za-z_]{1,60}")
_GENDERS: Final = {"female": ("f", "ms"), "male": ("m", "mr")}
_terms: Final = msgspec.json.Decoder(wire.OfferTerms).decode
_order: Final = msgspec.json.Decoder(wire.Order).decode
_mark: Final = msgspec.json.Decoder(wire.OrderMark).decode
_answer: Final = msgspec.json.Decoder(wire.OrderAnswer).decode
_orders: Final = msgspec.json.Decoder(wire.OrdersAnswer).decode
_slices: Final = msgspec.json.Decoder(list[wire.Slice] | None).decode
_cancellations: Final = msgspec.json.Decoder(wire.CancellationsAnswer).decode


def order_body(offer: SupplierOffer, travellers: Sequence[Traveller], reference: str) -> bytes:
    """The body of `POST /air/orders`: held where it can be, else bought from the balance. Raises
    `ValueError`, in words for operators, when it cannot be made."""
    if not 0 < len(reference) <= MAX_REFERENCE:
        raise ValueError("a reference that is too long")
    try:
        terms = _terms(bytes(offer.token))
    except msgspec.DecodeError:
        raise ValueError("not an offer of Duffel's") from None
    data: dict[str, Any] = {
        "type": "hold" if offer.can_hold else "instant",
        "selected_offers": [terms.id],
        "passengers": _passengers(offer, terms, travellers),
        "metadata": {REFERENCE: reference},
    }
    if not offer.can_hold:
        data["payments"] = [_balance(offer.total)]
    return msgspec.json.encode({"data": data})


def payment_body(order_id: str, total: Money) -> bytes:
    """Of `POST /air/payments`."""
    return msgspec.json.encode({"data": {"order_id": order_id, "payment": _balance(total)}})


def cancellation_body(order_id: str) -> bytes:
    """Of `POST /air/order_cancellations`."""
    return msgspec.json.encode({"data": {"order_id": order_id}})


def is_order_id(order_id: str) -> bool:
    """Whether it could stand in a path: what is none was never given out."""
    return _ORDER_ID.fullmatch(order_id) is not None


def read_order(answer: bytes) -> wire.Order:
    """Of an answer about one order. Raises `ValueError` for one that cannot be read."""
    return _answer(answer).data


def order_state(answer: bytes, *, is_accepted: bool = False) -> OrderState:
    """As `read_order`. `is_accepted`: with a 202, of one that is still being made."""
    found = state_of(read_order(answer))
    return msgspec.structs.replace(found, status="pending") if is_accepted else found


def was_paid(order: wire.Order) -> bool:
    return order.payment_status is not None and order.payment_status.paid_at is not None


def waiting_change(order: wire.Order) -> wire.AirlineChange | None:
    """The airline's latest change, if nobody has acted on it and we may accept it: Duffel lets only the
    latest be accepted."""
    latest = max(
        order.airline_initiated_changes or (),
        key=lambda one: (one.created_at.timestamp() if one.created_at else 0.0, one.id),
        default=None,
    )
    if latest is None or latest.action_taken is not None or latest.travel_agent_ticket is not None:
        return None
    return latest if "accept" in latest.available_actions else None


def refund_of(said: wire.OrderRefund) -> Money | None:
    """What comes back to us in money; None: nobody says. A voucher is no money."""
    try:
        found = money(said.refund_amount or "", said.refund_currency or "")
    except ValueError:
        return None
    return Money(amount=0, currency=found.currency) if said.refund_to in VOUCHERS else found


def confirmed_refund(answer: bytes, order_id: str) -> Money | None:
    """Of a list of cancellations: what the order's gave back. Raises `ValueError` for a list that cannot be
    read."""
    confirmed = [
        one
        for one in _cancellations(answer).data
        if one.order_id == order_id and one.confirmed_at is not None
    ]
    latest = max(confirmed, key=lambda one: one.confirmed_at or _NEVER, default=None)
    return None if latest is None else refund_of(latest)


def page(answer: bytes, reference: str) -> tuple[list[OrderState], str | None, int | None]:
    """Those of a page that carry our reference; where the next page begins; when the page's last order was
    made (ms). Raises `ValueError` for a page that cannot be read, one of whose orders may be ours."""
    found = _orders(answer)
    marks = [(_mark(bytes(raw)), raw) for raw in found.data]
    ours = [
        state_of(_order(bytes(raw)))
        for mark, raw in marks
        if (mark.metadata or {}).get(REFERENCE) == reference
    ]
    last = marks[-1][0].created_at if marks else None
    return ours, found.meta.after, None if last is None else round(last.timestamp() * 1_000)


def state_of(order: wire.Order) -> OrderState:
    """Ours of Duffel's. What it gave back only where the order itself says so."""
    paid = order.payment_status or wire.PaymentStatus()
    tickets = tuple(
        Ticket(number=one.unique_identifier, traveller_id=next(iter(one.passenger_ids), ""))
        for one in order.documents or ()
        if one.type == "electronic_ticket"
    )
    required_by, status = paid.payment_required_by, _status(order, paid, tickets)
    change = waiting_change(order)
    is_gone = status == "cancelled"
    return OrderState(
        supplier=NAME,
        order_id=order.id,
        status=status,
        locator=order.booking_reference,
        reference=(order.metadata or {}).get(REFERENCE),
        total=(
            money(order.total_amount, order.total_currency)
            if order.total_amount is not None and order.total_currency is not None
            else None
        ),
        hold_until=None if required_by is None else round(required_by.timestamp() * 1_000),
        tickets=tickets,
        itineraries=() if is_gone else _itineraries(order),
        change_id=None if is_gone or change is None else change.id,
        returned=_returned(order) if is_gone else None,
    )


def _itineraries(order: wire.Order) -> tuple[Itinerary, ...]:
    """Of flights that cannot be read nothing is said."""
    try:
        return tuple(itinerary(way) for way in _slices(bytes(order.slices)) or ())
    except ValueError:  # msgspec's are ValueErrors
        return ()


def _returned(order: wire.Order) -> Money | None:
    said = order.cancellation
    return None if said is None or said.confirmed_at is None else refund_of(said)


def _status(order: wire.Order, paid: wire.PaymentStatus, tickets: Sequence[Ticket]) -> Any:
    if order.cancelled_at is not None:
        return "cancelled"
    ticketed = {one.traveller_id for one in tickets}
    if tickets and ticketed >= {one.id for one in order.passengers}:
        return "ticketed"
    if paid.awaiting_payment:
        return "held"
    if order.type == "hold" and paid.paid_at is None and order.payment_status is not None:
        return "cancelled"  # let go: its time to pay is over
    return "confirmed" if paid.paid_at is not None else "pending"


def _passengers(
    offer: SupplierOffer, terms: wire.OfferTerms, travellers: Sequence[Traveller]
) -> list[dict[str, Any]]:
    day, rest = last_day(offer), list(travellers)
    seated: dict[str, Traveller] = {}
    # Who was searched for by age first: an age fits fewer than a kind does.
    for seat in sorted(terms.passengers, key=lambda seat: seat.age is None):
        one = next((one for one in rest if _fits(seat, one, age_on(one.born_on, day))), None)
        if one is None:
            raise ValueError("the travellers are not those that the offer is for")
        rest.remove(one)
        seated[seat.id] = one
    if rest:
        raise ValueError("the travellers are not those that the offer is for")
    laps = _laps(seated, {seat.id for seat in terms.passengers if _is_infant(seat)})
    papers = terms.supported_passenger_identity_document_types
    return [
        _passenger(seat.id, seated[seat.id], laps.get(seat.id), papers) for seat in terms.passengers
    ]


def _is_infant(seat: wire.Passenger) -> bool:
    return seat.type == _INFANT or (seat.age is not None and seat.age < INFANT_UNDER)


def _fits(seat: wire.Passenger, one: Traveller, age: int) -> bool:
    if seat.age is not None:
        return one.kind != "adult" and age == seat.age
    if seat.type == _INFANT:
        return one.kind == "infant"
    return one.kind == ("child" if seat.type == "child" else "adult")


def _laps(seated: dict[str, Traveller], infants: set[str]) -> dict[str, str]:
    """Adult's seat → infant's. Raises `ValueError` when there are more infants than adults."""
    free = [seat for seat, one in seated.items() if one.kind == "adult"]
    found: dict[str, str] = {}
    for infant in sorted(infants, key=lambda seat: seated[seat].with_adult is None):
        wanted = [seat for seat in free if seated[seat].id == seated[infant].with_adult]
        if not free:
            raise ValueError("more infants than adults")
        lap = (wanted or free)[0]
        free.remove(lap)
        found[lap] = infant
    return found


def _passenger(seat: str, one: Traveller, infant: str | None, papers: list[str]) -> dict[str, Any]:
    if one.gender not in _GENDERS:
        raise ValueError("Duffel takes no traveller without a gender of f or m")
    gender, title = _GENDERS[one.gender]
    found: dict[str, Any] = {
        "id": seat,
        "given_name": one.given_name,
        "family_name": one.family_name,
        "born_on": one.born_on,
        "gender": gender,
        "title": title,
        "email": one.email,
    }
    if one.phone and one.phone.strip().startswith("+") and digits(one.phone):
        found["phone_number"] = f"+{digits(one.phone)}"
    if infant is not None:
        found["infant_passenger_id"] = infant
    paper = document(one)
    if paper is not None and paper.is_passport and "passport" in papers:
        found["identity_documents"] = [
            {
                "type": "passport",
                "unique_identifier": paper.number,
                "expires_on": paper.expires_on,
                "issuing_country_code": paper.issuing_country,
            }
        ]
    return found


def _balance(total: Money) -> dict[str, str]:
    return {"type": "balance", "amount": decimal_text(total), "currency": total.currency}
