"""What people are told of a booking: in their language, each once, and the room in one card."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any, Final, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
import structlog
import trio
from babel.dates import format_datetime
from babel.numbers import format_currency

from actors.booking.journal import Told, options_of, told_of, unpacked
from actors.booking.sites import op_of
from actors.booking.state import Part, Saga, Screening
from actors.booking.steps import Sentence
from actors.booking.views import seen_by, view
from core.delivery import Delivery
from core.errors import Rejected
from core.identity import Principal
from core.ids import derived_uuid7
from core.ports.bookings import BookingEventRow, Bookings
from core.ports.outbox import OutboxEvent
from core.ports.repositories import User, Users
from core.reference import Ref
from core.texts import language_of, translate
from protocol.addresses import Address
from protocol.booking import BookingUpdated, BookingView
from protocol.cards import BookingCard
from protocol.frames import Money
from protocol.money import exponent
from protocol.room import ROOM, PostNotice
from protocol.user import USER, TellBooking

TOPIC: Final = "booking.told"
NOBODY: Final = "…"
TRIES: Final = 3
TRY_AGAIN_AFTER: Final = 2.0
_ROOM_WITHIN: Final = 30.0
AT_ONCE: Final = 16
"""Bookings whose people are told at the same time: each of them waits for the store several times."""

T = TypeVar("T")

log: Final = structlog.get_logger("caravan.bookings")


# In words.


def said(sentence: Sentence, locale: str, *, names: Mapping[str, str], zone: tzinfo = UTC) -> str:
    """A sentence in the language of `locale`. `names`: of users, by id. Times are those of `zone`."""
    language = language_of(locale)
    params = {
        name: _worded(name, value, language, names, zone) for name, value in sentence.params.items()
    }
    text = translate(sentence.text, locale, params)
    if sentence.more is None:
        return text
    return f"{text} {said(sentence.more, locale, names=names, zone=zone)}"


def people_in(sentences: Iterable[Sentence]) -> set[str]:
    """The users whose names they need."""
    return {
        value
        for sentence in sentences
        for each in (sentence, sentence.more)
        if each is not None
        for name, value in each.params.items()
        if name.endswith("_user") and isinstance(value, str)
    }


def _worded(
    name: str, value: object, language: str, names: Mapping[str, str], zone: tzinfo
) -> object:
    """Params were stored as JSON: an amount may be a map by now."""
    if name.endswith("_user"):
        return names.get(str(value), NOBODY)
    if name.endswith("_money"):
        return _amount(msgspec.convert(_plain(value), Money), language)
    if name.endswith("_at") and isinstance(value, int):
        when = datetime.fromtimestamp(value / 1_000, zone)
        return format_datetime(when, "d MMM, HH:mm", tzinfo=zone, locale=language)
    if name.endswith("_local") and isinstance(value, str):
        return format_datetime(datetime.fromisoformat(value), "d MMM, HH:mm", locale=language)
    return value


def _plain(value: object) -> object:
    return msgspec.to_builtins(value) if isinstance(value, Money) else value


def _amount(money: Money, language: str) -> str:
    """To the last unit, also where amounts are customarily written without: people pay it."""
    exact = Decimal(money.amount).scaleb(-exponent(money.currency))
    return format_currency(exact, money.currency, locale=language, decimal_quantization=False)


def tzinfo_of(user: User | None) -> tzinfo:
    try:
        return ZoneInfo(user.time_zone) if user is not None else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


# To one person.


async def shown_to(principal: Principal, saga: Saga, users: Users) -> BookingView:
    """The booking as this participant sees it. Raises `Unavailable`."""
    shown, options = view(saga, principal.user_id), options_of(saga)
    names, zone = dict[str, str](), tzinfo_of(None)
    if shown.question is not None:
        wanted = {*people_in(options.values()), principal.user_id}
        found = await users.many(saga.tenant_id, sorted(wanted))
        names = {user_id: user.name for user_id, user in found.items()}
        zone = tzinfo_of(found.get(principal.user_id))
    return _worded_view(shown, options, principal.locale, names, zone)


def _worded_view(
    shown: BookingView,
    options: Mapping[str, Sentence],
    locale: str,
    names: Mapping[str, str],
    zone: tzinfo,
) -> BookingView:
    question = shown.question
    if question is not None:
        worded = [
            msgspec.structs.replace(
                option, text=said(options[option.id], locale, names=names, zone=zone)
            )
            for option in question.options
        ]
        question = msgspec.structs.replace(question, options=worded)
    return msgspec.structs.replace(shown, step=translate(shown.step, locale), question=question)


class BookingTellings:
    """Implements `core.ports.bookings.Tellings`. Borrows: bookings, users. `features`: what a screener's are
    called, in their order."""

    def __init__(self, bookings: Bookings, users: Users, *, features: Sequence[str] = ()) -> None:
        self._bookings, self._users, self._features = bookings, users, features

    async def update(
        self, tenant_id: int, user_id: str, booking_id: str, version: int
    ) -> BookingUpdated | None:
        rows = await self._bookings.events(tenant_id, booking_id, after=version - 1, limit=1)
        if not rows or rows[0].version != version:
            return None
        return (await self.worded(tenant_id, user_id, rows))[0]

    async def worded(
        self, tenant_id: int, user_id: str, rows: Sequence[BookingEventRow]
    ) -> list[BookingUpdated | None]:
        """One for each row."""
        tolds = [told_of(row.body) for row in rows]
        sentences = [one for told in tolds for one in _sentences(told, user_id)]
        wanted = {*people_in(sentences), user_id}
        found = await self._users.many(tenant_id, sorted(wanted))
        reader = found.get(user_id)
        names = {id: user.name for id, user in found.items()}
        return [_update(told, user_id, reader, names) for told in tolds]

    async def inspect(self, tenant_id: int, booking_id: str) -> Mapping[str, Any] | None:
        stored = await self._bookings.load(tenant_id, booking_id)
        return None if stored is None else inspected(unpacked(stored.snapshot), self._features)


def inspected(saga: Saga, features: Sequence[str] = ()) -> Mapping[str, Any]:
    """As `Tellings.inspect`."""
    blank = msgspec.structs.replace(saga, parts=(), shares=(), pending=(), seats=(), question=None)
    whole: dict[str, Any] = msgspec.to_builtins(blank)
    shown = {name: value for name, value in whole.items() if name not in _HIDDEN}
    shown["screening"] = None if saga.screening is None else _inspected(saga.screening, features)
    shown["pending"] = [
        {"seq": one.seq, "op": op_of(one.call), "at": one.at} for one in saga.pending
    ]
    shown["parts"] = [
        {
            "partId": part.id,
            "kind": part.kind,
            "supplier": part.offer.supplier,
            "total": msgspec.to_builtins(part.total),
            "attempt": part.attempt,
            "order": msgspec.to_builtins(part.order),
            "quoted": part.quoted,
            "returned": part.returned,
            "change": _change_of(part),
        }
        for part in saga.parts
    ]
    shown["shares"] = [
        {
            "shareId": share.id,
            "userId": share.user_id,
            "amount": msgspec.to_builtins(share.amount),
            "state": share.state,
            "payments": [
                {
                    "paymentId": payment.payment_id,
                    "version": payment.version,
                    "amount": msgspec.to_builtins(payment.amount),
                    "status": payment.seen.status if payment.seen is not None else None,
                }
                for payment in share.payments
            ],
        }
        for share in saga.shares
    ]
    return shown


def _inspected(screening: Screening, names: Sequence[str]) -> Mapping[str, Any]:
    """Features of a model that counts others than `names` are numbered."""
    found = screening.found
    if len(names) != len(found.features):
        names = [str(number) for number in range(len(found.features))]
    return {
        "verdict": found.verdict,
        "reasons": list(found.reasons),
        "score": found.score,
        "model": found.model,
        "features": dict(zip(names, found.features, strict=True)),
        "by": screening.by,
    }


def _change_of(part: Part) -> Mapping[str, Any] | None:
    """What its supplier has changed, without the other flight's offer."""
    if part.change is None:
        return None
    change = part.change
    return {
        "kind": change.kind,
        "seenAt": change.seen_at,
        "changeId": change.change_id,
        "decision": change.decision,
        "replacement": change.replacement,
        "isReplaced": change.is_replaced,
    }


_HIDDEN: Final = frozenset({"parts", "shares", "pending", "seats", "question", "screening"})
"""Shown in part, or not at all."""


def _sentences(told: Told, user_id: str) -> list[Sentence]:
    return [told.notes.get(user_id, told.note), *told.options.values()]


def _update(
    told: Told, user_id: str, reader: User | None, names: Mapping[str, str]
) -> BookingUpdated | None:
    if user_id not in people_of(told) or reader is None:
        return None
    zone = tzinfo_of(reader)
    asked = msgspec.structs.replace(told.view, question=seen_by(user_id, told.question))
    shown = _worded_view(asked, told.options, reader.locale, names, zone)
    note = told.notes.get(user_id, told.note)
    fields = msgspec.structs.asdict(shown)
    if user_id in told.left:
        fields["itinerary"] = None
    return BookingUpdated(
        **{**fields, "action": told.actions.get(user_id)},
        note=said(note, reader.locale, names=names, zone=zone),
        inbox=0,
    )


def people_of(told: Told) -> set[str]:
    """Whom it concerns."""
    return {told.organiser_id, *(one.user_id for one in told.view.participants)}


# To everybody.


class BookingCourier:
    """An outbox `Subscriber`: brings what was told to each participant's inbox and to the room.

    Idempotent, because an inbox takes each source once and a room each message id.
    """

    name = "bookings"

    def __init__(
        self,
        bookings: Bookings,
        users: Users,
        ref_to: Callable[[Address], Ref[Any]],
        delivery: Delivery,
    ) -> None:
        self._bookings, self._users = bookings, users
        self._ref_to, self._delivery = ref_to, delivery

    async def receive(self, events: Sequence[OutboxEvent]) -> None:
        """One booking's in their order, several bookings' at a time. Raises `Unavailable` when an inbox or a
        room cannot be reached: the batch comes again."""
        by_booking: defaultdict[tuple[int, str], list[OutboxEvent]] = defaultdict(list)
        for event in events:
            if event.topic == TOPIC:
                by_booking[event.tenant_id, event.key].append(event)
        places = trio.CapacityLimiter(AT_ONCE)

        async def carry(of_one: Sequence[OutboxEvent]) -> None:
            async with places:
                for event in of_one:
                    await self._carry(event)

        await _side_by_side(carry, by_booking.values())

    async def rebuild(self) -> None:
        """Inboxes and rooms are kept: what comes again finds its place taken."""

    async def _carry(self, event: OutboxEvent) -> None:
        rows = await self._bookings.events(
            event.tenant_id, event.key, after=event.first - 1, limit=event.last - event.first + 1
        )
        for row in rows:
            told = told_of(row.body)
            news = TellBooking(booking_id=event.key, version=row.version)

            async def tell(user_id: str, news: TellBooking = news) -> None:
                name = f"booking:{news.booking_id}:{news.version}"
                await self._delivery.deliver(event.tenant_id, USER.at(user_id), news, name=name)

            await _side_by_side(tell, sorted(people_of(told)))
            if told.has_card and told.view.room_id is not None:
                await self._tell_room(event.tenant_id, told.view.room_id, row, told)

    async def _tell_room(
        self, tenant_id: int, room_id: str, row: BookingEventRow, told: Told
    ) -> None:
        """In the organiser's language. One that the room refuses for good, or crashes over again and
        again, is given up: all others wait behind it."""
        wanted = {*people_in([told.note]), told.organiser_id}
        found = await self._users.many(tenant_id, sorted(wanted))
        organiser = found.get(told.organiser_id)
        names = {id: user.name for id, user in found.items()}
        locale = "en" if organiser is None else organiser.locale
        notice = PostNotice(
            message_id=notice_id(told.view.booking_id, row),
            content=said(told.note, locale, names=names, zone=tzinfo_of(organiser)),
            cards=[msgspec.to_builtins(card_of(told, locale))],
        )
        code = ""
        for _ in range(TRIES):
            try:
                await self._ref_to(ROOM.at(room_id)).ask(notice, timeout=_ROOM_WITHIN)
                return
            except Rejected as refusal:
                code = refusal.code
                if code != "internal" and refusal.temporary:
                    raise
            if code != "internal":
                break
            await trio.sleep(TRY_AGAIN_AFTER)
        log.error("booking.room_not_told", room_id=room_id, version=row.version, code=code)


async def _side_by_side(do: Callable[[T], Awaitable[None]], things: Iterable[T]) -> None:
    """All of them, whatever becomes of one; then the first failure is raised."""
    failures: list[Exception] = []

    async def attempt(thing: T) -> None:
        try:
            await do(thing)
        except Exception as error:
            failures.append(error)

    async with trio.open_nursery() as nursery:
        for thing in things:
            nursery.start_soon(attempt, thing)
    if failures:
        raise failures[0]


def card_of(told: Told, locale: str) -> BookingCard:
    """A booking as a room sees it, in the language of `locale`."""
    shown = told.view
    return BookingCard(
        kind="booking",
        id=shown.booking_id,
        title=" + ".join(told.titles),
        price=shown.total,
        status=shown.status,
        step=shown.step,
        version=shown.version,
        deadline=shown.deadline,
        participants=[{"userId": one.user_id, "state": one.state} for one in shown.participants],
    )


def notice_id(booking_id: str, row: BookingEventRow) -> str:
    """The room message's id: of the event's time and what it is about, so that a repeat has the same."""
    return derived_uuid7(row.at, f"{booking_id}:{row.version}")
