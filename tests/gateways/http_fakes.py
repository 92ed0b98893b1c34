"""The world as the HTTP gateway's tests need it: real enough to be refused by, all in memory."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import trio
from fake_meanings import FakeMeanings

from actors.booking.itinerary import BookedItinerary
from actors.booking.telling import BookingTellings
from core.errors import Rejected, TokenExpired, TokenRevoked
from core.identity import Principal, Role
from core.ports.credentials import Grant
from core.ports.rate_limits import Allowance
from core.ports.repositories import (
    Claim,
    InboxItem,
    MemberRecord,
    RoomRecord,
    RoomSummary,
    StoredAnswer,
    User,
    UserPatch,
)
from core.ports.travel_search import Found, Repriced
from gateways.http.app import create_app
from gateways.http.ports import HttpPorts, Statistics
from inference.recommender.ranker import TowerRanker
from inference.recommender.tower import load_tower
from protocol.addresses import Address
from protocol.booking import (
    BOOKING,
    DESK,
    BookingAnswered,
    BookingView,
    QuoteAnswered,
    QuoteTrip,
)
from protocol.frames import Money
from protocol.plan import PLAN, PlanOpened, SettledUp, SettleUp
from protocol.room import MemberView, RoomAnswered, RoomView, Settings, ViewRoom
from protocol.travel import Query
from storage.memory.bookings import MemoryBookings
from storage.memory.catalogue import MemoryCatalogue
from storage.memory.consultations import MemoryConsultations
from storage.memory.durable_timers import MemoryDurableTimers
from storage.memory.feedbacks import MemoryFeedbacks
from storage.memory.leases import MemoryShards
from storage.memory.marketplace import MemoryListings
from storage.memory.memories import MemoryMemories
from storage.memory.models import MemoryModels
from storage.memory.personas import MemoryPersonas
from storage.memory.plans import MemoryCalendars
from storage.memory.runs import MemoryRuns
from storage.memory.stored_bookings import StoredBookings
from storage.memory.stored_personas import StoredPersonas

PASSWORD = "a long password"
PAGE_LIMIT = 100


def a_user(number: int, role: Role = Role.USER, **values: Any) -> User:
    fields: dict[str, Any] = {
        "id": f"user-{number}",
        "tenant_id": 1,
        "handle": f"handle{number}",
        "name": f"Name {number}",
        "email": f"mail{number}@example.test",
        "role": role,
        "locale": "en",
        "time_zone": "UTC",
        "currency": "EUR",
        "preferences": {},
        "created_at": 1_000,
    }
    return User(**(fields | values))


def a_room(number: int, **values: Any) -> RoomSummary:
    fields: dict[str, Any] = {
        "id": f"00000000-0000-7000-8000-{number:012}",
        "kind": "group",
        "title": "Lisbon",
        "role": "owner",
        "state": "joined",
        "head": 3,
        "read": 1,
        "unread": 2,
        "muted_until": None,
        "last_body": None,
        "last_edit": None,
        "created_at": 1_000,
    }
    return RoomSummary(**(fields | values))


class FakeUsers:
    def __init__(self, users: Sequence[User] = ()) -> None:
        self.users = {user.id: user for user in users}

    async def get(self, tenant_id: int, user_id: str) -> User | None:
        return self.users.get(user_id)

    async def by_handle(self, tenant_id: int, handle: str) -> User | None:
        return next(
            (user for user in self.users.values() if user.handle.lower() == handle.lower()), None
        )

    async def many(self, tenant_id: int, user_ids: Sequence[str]) -> Mapping[str, User]:
        return {user_id: self.users[user_id] for user_id in user_ids if user_id in self.users}

    async def patch(self, tenant_id: int, user_id: str, patch: UserPatch) -> User:
        taken = patch.handle and await self.by_handle(tenant_id, patch.handle)
        if taken and taken.id != user_id:
            raise Rejected("conflict", "This handle is taken.")
        new = {
            name: value
            for name in UserPatch.__dataclass_fields__
            if (value := getattr(patch, name)) is not None
        }
        self.users[user_id] = replace(self.users[user_id], **new)
        return self.users[user_id]

    async def set_role(self, tenant_id: int, handle: str, role: Role) -> User:
        raise AssertionError("not over HTTP")


class FakeCredentials:
    """Access tokens say `access.N.signed`; a login can be revoked."""

    def __init__(self, users: FakeUsers) -> None:
        self.users = users
        self.numbers = itertools.count(1)
        self.access: dict[str, str] = {}
        self.refreshes: dict[str, str] = {}
        self.revoked: set[str] = set()
        self.crash: Exception | None = None

    def grant(self, user: User) -> Grant:
        number = next(self.numbers)
        self.access[f"access.{number}.signed"] = user.id
        self.refreshes[f"refresh-{number}"] = user.id
        return Grant(
            user=user,
            access_token=f"access.{number}.signed",
            refresh_token=f"refresh-{number}",
            expires_in=900,
        )

    async def register(self, tenant_id: int, *, password: str, **fields: Any) -> Grant:
        if self.crash:
            raise self.crash
        if any(user.email == fields["email"] for user in self.users.users.values()):
            raise Rejected("conflict", "This e-mail address is already registered.")
        number = len(self.users.users) + 100
        handle = fields.pop("handle") or f"handle{number}"
        user = a_user(number, handle=handle, **fields)
        self.users.users[user.id] = user
        return self.grant(user)

    async def login(
        self, tenant_id: int, *, email: str | None, handle: str | None, password: str
    ) -> Grant:
        for user in self.users.users.values():
            if (user.email == email or user.handle == handle) and password == PASSWORD:
                return self.grant(user)
        raise Rejected("unauthenticated", "These credentials are not right.")

    async def refresh(self, refresh_token: str) -> Grant:
        user_id = self.refreshes.pop(refresh_token, None)
        if user_id is None:
            raise Rejected("unauthenticated", "This login was ended.")
        return self.grant(self.users.users[user_id])

    async def ticket(self, principal: Principal) -> tuple[str, int]:
        return f"ticket-{next(self.numbers)}", 30

    async def logout(self, principal: Principal) -> None:
        self.revoked.add(principal.login_id)

    def verify(self, access_token: str) -> Principal:
        if access_token == "too.old.signed":
            raise TokenExpired
        if access_token not in self.access:
            raise Rejected("unauthenticated", "This access token is not valid.")
        user = self.users.users[self.access[access_token]]
        return Principal(
            tenant_id=1,
            user_id=user.id,
            login_id=access_token,
            role=user.role,
            name=user.name,
            handle=user.handle,
            locale=user.locale,
            expires_at=2**53,
        )

    async def authenticate(self, token: str) -> Principal:
        assert not token.startswith("ticket"), "redeemed a ticket"
        if token in self.revoked:
            raise TokenRevoked
        return self.verify(token)

    async def demand_standing(self, principal: Principal) -> None:
        raise AssertionError("not over HTTP")

    def jwks(self) -> dict[str, Any]:
        return {"keys": [{"kty": "RSA", "kid": "1", "n": "x", "e": "AQAB"}]}


class FakeRooms:
    def __init__(self) -> None:
        self.summaries: list[RoomSummary] = []
        self.records: list[MemberRecord] = []

    async def load(self, tenant_id: int, room_id: str) -> RoomRecord | None:
        return None

    async def of_user(
        self, tenant_id: int, user_id: str, *, before: str | None, limit: int
    ) -> Sequence[RoomSummary]:
        found = sorted(self.summaries, key=lambda room: room.id, reverse=True)
        return [room for room in found if before is None or room.id < before][:limit]

    async def members(
        self, tenant_id: int, room_id: str, *, after_user: str | None, limit: int
    ) -> Sequence[MemberRecord]:
        found = sorted(self.records, key=lambda member: member.user_id)
        return [m for m in found if after_user is None or m.user_id > after_user][:limit]

    async def is_member(self, tenant_id: int, room_id: str, user_id: str) -> bool:
        return any(room.id == room_id for room in self.summaries)


class FakeInboxes:
    def __init__(self) -> None:
        self.items: list[InboxItem] = []

    async def head(self, tenant_id: int, user_id: str) -> int:
        return len(self.items)

    async def read(
        self, tenant_id: int, user_id: str, *, after: int, limit: int
    ) -> Sequence[InboxItem]:
        return [item for item in self.items if item.seq > after][:limit]


class FakeIdempotencyKeys:
    def __init__(self) -> None:
        self.begun: dict[tuple[str, str], tuple[bytes, StoredAnswer | None]] = {}

    async def begin(self, scope: str, key: str, body_hash: bytes) -> StoredAnswer | Claim:
        known = self.begun.get((scope, key))
        if known is None:
            self.begun[scope, key] = (body_hash, None)
            return Claim(scope=scope, key=key, at=0)
        if known[0] != body_hash or known[1] is None:
            raise Rejected("conflict", "This idempotency key was used with another request.")
        return known[1]

    async def finish(self, claim: Claim, answer: StoredAnswer) -> None:
        self.begun[claim.scope, claim.key] = (answer.body_hash, answer)

    async def abandon(self, claim: Claim) -> None:
        del self.begun[claim.scope, claim.key]


class FakeRateLimits:
    """Counts down and never forgets."""

    def __init__(self) -> None:
        self.taken: dict[str, int] = {}

    def take(self, key: str, *, limit: int, period: float, cost: int = 1) -> Allowance:
        used = self.taken.get(key, 0)
        allowed = used + cost <= limit
        if allowed:
            self.taken[key] = used + cost
        return Allowance(
            allowed=allowed,
            limit=limit,
            remaining=limit - self.taken.get(key, 0),
            reset_after=60.2,
            retry_after=0.0 if allowed else 12.5,
        )


class FakeClock:
    """Noon of 24 November 2026, UTC."""

    def now_ms(self) -> int:
        return 1_795_521_600_000

    def monotonic(self) -> float:
        return 0.0

    def business_ms(self) -> int:
        return self.now_ms()


@dataclass
class FakeTravel:
    """Answers every search with `found` after it `takes` so many seconds, every price with `priced`; keeps
    what was asked."""

    takes: float = 0.0
    found: Found = field(default_factory=lambda: Found(offers=(), suppliers=()))
    priced: Repriced | Rejected = field(
        default_factory=lambda: Rejected("not_found", "There is no such offer.")
    )
    asked: list[tuple[int, str | None, Query]] = field(default_factory=list)

    async def search(
        self, tenant_id: int, user_id: str | None, query: Query, *, within: float | None = None
    ) -> Found:
        self.asked.append((tenant_id, user_id, query))
        await trio.sleep(self.takes)
        return self.found

    async def price(self, tenant_id: int, offer_id: str, *, to_book: bool = False) -> Repriced:
        if isinstance(self.priced, Rejected):
            raise self.priced
        return self.priced


class FakeIds:
    def __init__(self) -> None:
        self.numbers = itertools.count(1)

    def uuid7(self) -> str:
        return f"01900000-0000-7000-8000-{next(self.numbers):012x}"

    def secret(self) -> str:
        raise AssertionError("not over HTTP")


def an_answer(address: Address, message: Any) -> Any:
    """What an actor of this kind answers when all is well."""
    total = Money(amount=100, currency="EUR")
    if isinstance(message, QuoteTrip):
        return QuoteAnswered(quote_id="q", items=[], total=total, expires_at=1)
    if address.kind == PLAN:
        if isinstance(message, SettleUp):
            return SettledUp(version=1, settlements=[], unknown=[])
        return PlanOpened(version=1, items=[])
    if address.kind in (BOOKING, DESK):
        shown = BookingView(
            booking_id="b",
            version=1,
            status="collecting",
            step="",
            participants=[],
            travellers=[],
            total=total,
        )
        return BookingAnswered(booking=shown)
    return a_room_answer()


@dataclass
class FakeActors:
    """Answers asks by a function of (address, message) after it `takes` so many seconds; keeps what was asked."""

    answer: Callable[[Address, Any], Any] = an_answer
    takes: float = 0.0
    asked: list[tuple[Address, Any, Principal | None]] = field(default_factory=list)

    def ref(self, address: Address) -> Any:
        return _FakeRef(self, address)


@dataclass
class _FakeRef:
    actors: FakeActors
    address: Address

    async def ask(self, message: Any, *, principal: Principal | None = None, **_: Any) -> Any:
        self.actors.asked.append((self.address, message, principal))
        if self.actors.takes:
            await trio.sleep(self.actors.takes)
        answer = self.actors.answer(self.address, message)
        if isinstance(answer, Exception):
            raise answer
        return answer


def a_room_answer(room_id: str = "room-1") -> RoomAnswered:
    return RoomAnswered(
        room=RoomView(
            id=room_id,
            kind="group",
            title="Lisbon",
            settings=Settings(),
            members=[MemberView(id="user-1", name="Name 1", role="owner", state="joined")],
            member_count=1,
            personas=[],
            epoch="e",
            head=1,
            first=1,
            read=0,
            created_at=1_000,
        )
    )


def members_only(address: Address, message: Any) -> Any:
    if isinstance(message, ViewRoom):
        return Rejected("not_found", "This room does not exist.")
    return a_room_answer()


class World:
    """An application on fakes, with one user per role; `user-1` is an ordinary user."""

    def __init__(self, *, limited: bool = False, body_within: float = 10.0, **ports: Any) -> None:
        self.users = FakeUsers([a_user(number, role) for number, role in enumerate(Role, 1)])
        self.credentials = FakeCredentials(self.users)
        self.rooms = FakeRooms()
        self.inboxes = FakeInboxes()
        self.idempotency = FakeIdempotencyKeys()
        self.rate_limits = FakeRateLimits() if limited else None
        self.actors = FakeActors()
        self.travel = FakeTravel()
        self.shards = MemoryShards()
        self.stored = StoredBookings(self.shards)
        self.bookings = MemoryBookings(self.stored)
        self.calendars = MemoryCalendars()
        self.seats: dict[str, list[str]] = {}
        stored = StoredPersonas()
        self.personas = MemoryPersonas(
            stored, FakeClock(), rooms_of=lambda _, one: self.seats.get(one, [])
        )
        self.runs = MemoryRuns(FakeClock())
        self.memories = MemoryMemories(stored, FakeClock())
        self.feedbacks = MemoryFeedbacks(stored, FakeClock())
        self.listings = MemoryListings(stored, self.users)
        self.consultations = MemoryConsultations(self.users, MemoryDurableTimers())
        self.recommender = TowerRanker(load_tower())
        self.model_rows = MemoryModels()
        self.model_troubles: dict[str, str] = {}
        self.card_fields = frozenset({"name", "first_mes"})
        self.meanings = FakeMeanings()
        self.statistics: Statistics = {"message_log": {"queued_rows": 3, "lag": 0.5}}
        self.moods_told: list[tuple[str, bool]] = []
        self.checks = {"database": True, "shards": True}
        made: dict[str, Any] = {
            "credentials": self.credentials,
            "users": self.users,
            "rooms": self.rooms,
            "inboxes": self.inboxes,
            "catalogue": MemoryCatalogue(()),
            "travel": self.travel,
            "personas": self.personas,
            "runs": self.runs,
            "memories": self.memories,
            "feedbacks": self.feedbacks,
            "listings": self.listings,
            "consultations": self.consultations,
            "recommender": self.recommender,
            "meanings": self.meanings,
            "card_fields": lambda: self.card_fields,
            "mood_agreed": lambda user_id, agrees: self.moods_told.append((user_id, agrees)),
            "clock": FakeClock(),
            "idempotency": self.idempotency,
            "rate_limits": self.rate_limits,
            "ids": FakeIds(),
            "ref": self.actors.ref,
            "readiness": self._readiness,
            "models": lambda: {"understanding": "ngrams", "wording": "templates"},
            "model_rows": self.model_rows,
            "model_troubles": lambda: self.model_troubles,
            "statistics": lambda: self.statistics,
            "ws_port": lambda: 8081,
            "version": "0.1.0",
            "bookings": self.bookings,
            "booked": BookedItinerary(self.bookings),
            "calendars": self.calendars,
            "public_url": lambda: "http://here",
            "tellings": BookingTellings(self.bookings, self.users),
            "business": FakeClock(),
            "suppliers": lambda: {"amadeus": {"breaker": 2, "calls": 7}},
        }
        self.app = create_app(HttpPorts(**(made | ports)), body_within=body_within)
        self.client = self.app.test_client(use_cookies=False)

    async def _readiness(self) -> Mapping[str, bool]:
        return self.checks

    def token(self, role: Role = Role.USER) -> str:
        user = next(user for user in self.users.users.values() if user.role is role)
        return self.credentials.grant(user).access_token

    async def call(
        self,
        method: str,
        path: str,
        *,
        token: str | None = None,
        headers: Mapping[str, str] | None = None,
        client: str = "203.0.113.7",
        **options: Any,
    ) -> Any:
        """The answer; `.json` its decoded body (None when it is none)."""
        sent = dict(headers or {})
        if token:
            sent["Authorization"] = f"Bearer {token}"
        answer = await self.client.open(
            path,
            method=method,
            headers=sent,
            scope_base={"client": (client, 4_000)},
            **options,
        )
        raw = await answer.get_data()
        is_json = answer.mimetype == "application/json" and raw
        return Answer(
            answer.status_code, answer.headers, raw, msgspec.json.decode(raw) if is_json else None
        )


@dataclass
class Answer:
    status: int
    headers: Any
    raw: bytes
    json: Any
