"""What the saga asks of others, as values. A `Call` changes something and leaves only after its intent
is committed; a `Look` changes nothing, is kept nowhere, and may be made as often as one likes."""

from protocol.frames import Money, Value
from protocol.ids import Millis
from protocol.payments import PaymentReference


class OpenPayment(Value, frozen=True, kw_only=True, tag="open_payment", tag_field="op"):
    """Make a share's payment, unconfirmed: with its id known first, undoing reaches a late authorisation."""

    share_id: str
    amount: Money
    reference: PaymentReference
    key: str


class Authorise(Value, frozen=True, kw_only=True, tag="authorise", tag_field="op"):
    """Hold a share's money."""

    share_id: str
    payment_id: str
    method: str
    key: str


class Capture(Value, frozen=True, kw_only=True, tag="capture", tag_field="op"):
    """Take a share's money."""

    share_id: str
    payment_id: str
    amount: Money
    key: str


class CancelPayment(Value, frozen=True, kw_only=True, tag="cancel_payment", tag_field="op"):
    """Let go what a payment holds."""

    share_id: str
    payment_id: str
    key: str


class Refund(Value, frozen=True, kw_only=True, tag="refund", tag_field="op"):
    """Give captured money back."""

    share_id: str
    payment_id: str
    amount: Money
    reference: PaymentReference
    key: str


class Hold(Value, frozen=True, kw_only=True, tag="hold", tag_field="op"):
    """Order a part; one that cannot be held is bought by it. Never sent twice under one `reference`."""

    part_id: str
    attempt: int
    reference: str


class Confirm(Value, frozen=True, kw_only=True, tag="confirm", tag_field="op"):
    """Pay a held order at a supplier who then issues. `at_most`: what people have paid for it."""

    part_id: str
    order_id: str
    reference: str
    at_most: Money | None = None


class Release(Value, frozen=True, kw_only=True, tag="release", tag_field="op"):
    """Have a held order ticketed by the consolidator. Idempotent."""

    part_id: str
    order_id: str
    reference: str


class CancelOrder(Value, frozen=True, kw_only=True, tag="cancel_order", tag_field="op"):
    """Undo an order. `at_least`: what people were told comes back, and agreed to."""

    part_id: str
    order_id: str
    at_least: Money | None = None


class AcceptChange(Value, frozen=True, kw_only=True, tag="accept_change", tag_field="op"):
    """Agree to what a supplier has changed by itself. Idempotent."""

    part_id: str
    order_id: str
    change_id: str


class OpenReplacement(Value, frozen=True, kw_only=True, tag="open_replacement", tag_field="op"):
    """Open a booking of another flight in a part's place. Idempotent by its `key`, the new booking's client
    id."""

    part_id: str
    key: str


class TellReplaced(Value, frozen=True, kw_only=True, tag="tell_replaced", tag_field="op"):
    """To the booking that this one was opened to replace: it `is_booked`, so give up what it replaces; or
    it never will be. Idempotent."""

    booking_id: str
    is_booked: bool
    key: str


Call = (
    OpenPayment
    | Authorise
    | Capture
    | CancelPayment
    | Refund
    | Hold
    | Confirm
    | Release
    | CancelOrder
    | AcceptChange
    | OpenReplacement
    | TellReplaced
)


class ReadPayment(Value, frozen=True, kw_only=True, tag="read_payment", tag_field="look"):
    """The payment as it is."""

    share_id: str
    payment_id: str


class FindPayments(Value, frozen=True, kw_only=True, tag="find_payments", tag_field="look"):
    """All of the booking's payments, also those whose making was never answered, made since then."""

    since: Millis


class Reprice(Value, frozen=True, kw_only=True, tag="reprice", tag_field="look"):
    """A part at today's price."""

    part_id: str


class ReadOrder(Value, frozen=True, kw_only=True, tag="read_order", tag_field="look"):
    """The order as it is."""

    part_id: str
    order_id: str


class FindOrders(Value, frozen=True, kw_only=True, tag="find_orders", tag_field="look"):
    """Orders that carry our reference: after an order whose outcome is not known."""

    part_id: str
    reference: str


class QuoteRefund(Value, frozen=True, kw_only=True, tag="quote_refund", tag_field="look"):
    """What would come back if the order were cancelled now."""

    part_id: str
    order_id: str


class FindAlternative(Value, frozen=True, kw_only=True, tag="find_alternative", tag_field="look"):
    """Another flight in a part's place, as it can be booked today."""

    part_id: str


class Card(Value, frozen=True, kw_only=True):
    """With what a share is to be paid. `method`: the id that `provider` has of it."""

    share_id: str
    provider: str
    method: str


class Screen(Value, frozen=True, kw_only=True, tag="screen", tag_field="look"):
    """Whether the booking looks like fraud, with these cards."""

    cards: tuple[Card, ...]


Look = (
    ReadPayment
    | FindPayments
    | Reprice
    | ReadOrder
    | FindOrders
    | QuoteRefund
    | FindAlternative
    | Screen
)
