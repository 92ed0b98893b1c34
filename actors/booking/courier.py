"""What a booking told, brought to everybody: each participant's inbox, and the room in one card."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Any, Final, TypeVar

import msgspec
import structlog
import trio

from actors.booking.journal import Told, people_of, told_of
from actors.booking.wording import people_in, said, tzinfo_of
from core.delivery import Delivery, is_crash
from core.errors import Rejected
from core.ids import derived_uuid7
from core.ports.bookings import BookingEventRow, Bookings
from core.ports.outbox import OutboxEvent
from core.ports.repositories import Users
from core.reference import Ref
from protocol.addresses import Address
from protocol.cards import BookingCard
from protocol.room import ROOM, PostNotice
from protocol.user import USER, TellBooking

TOPIC: Final = "booking.told"
TRIES: Final = 3
TRY_AGAIN_AFTER: Final = 2.0
_ROOM_WITHIN: Final = 30.0
AT_ONCE: Final = 16
"""Bookings whose people are told at the same time: each of them waits for the store several times."""

T = TypeVar("T")

log: Final = structlog.get_logger("caravan.bookings")


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
            cards=[msgspec.to_builtins(card_of(told))],
        )
        code = ""
        for _ in range(TRIES):
            try:
                await self._ref_to(ROOM.at(room_id)).ask(notice, timeout=_ROOM_WITHIN)
                return
            except Rejected as refusal:
                code = refusal.code
                if is_crash(refusal):
                    await trio.sleep(TRY_AGAIN_AFTER)
                elif refusal.temporary:
                    raise
                else:
                    break
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


def card_of(told: Told) -> BookingCard:
    """A booking as a room sees it."""
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
