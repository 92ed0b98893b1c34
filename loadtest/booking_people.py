"""Three people who book one trip together: they look, split, name themselves, pay, answer, and wait for the end."""

import random
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from itertools import product
from typing import Any, Final

import httpx
import trio

from loadtest.accounts import Account, Api, ApiError, UnreachableError
from loadtest.client import Refused, Session, SessionStopped
from loadtest.connection import dial_url
from loadtest.latencies import Latencies
from loadtest.wire import Frame

PEOPLE: Final = 3
ENDED: Final = ("booked", "cancelled", "manual")
PAYABLE: Final = ("collecting", "action_needed")
UNPAID: Final = ("invited", "declined", "expired")
GOOD_CARDS: Final = ("pm_card_visa", "pm_card_mastercard", "pm_card_amex", "pm_card_discover")
BAD_CARDS: Final = (
    "pm_card_visa_chargeDeclined",
    "pm_card_visa_chargeDeclinedInsufficientFunds",
    "pm_card_chargeDeclinedProcessingError",
)
PAYPAL: Final = "paypal"
PAYS_AT_PAYPAL: Final = 3
"""The third of each three."""

PAGE: Final = "/checkoutnow?token="
VISITS: Final = 20
"""Of one page of the payer's, while it does not answer."""

MOST_CARDS: Final = 12
"""Attempts of one person; then nobody tries any more, and the booking's deadline decides."""

ANSWERS: Final = {"resplit": "cover", "reconsent": "accept"}
CITIES: Final = ("LIS", "BER", "PAR", "MAD", "ROM", "VIE")
ROUTES: Final = tuple(pair for pair in product(CITIES, CITIES) if pair[0] != pair[1])
FIRST_DAY: Final = 40
QUERIES: Final = 40
"""So many different searches are asked: people look at the same trips, and one answer serves them for a minute."""

TRIES: Final = 12
WITHIN: Final = 10.0
INSISTS_FOR: Final = 60.0
REST: Final = (0.2, 1.0)


class GaveUpError(Exception):
    """Nothing could be booked, however often it was tried: the sentence says what the last answer was."""


@dataclass(slots=True, kw_only=True)
class Figures:
    """What all trips measured. `at_paypal`: pages on which a payer agreed. `steps`: from a person's word (create, traveller, approve, decide) to its
    durable answer; `quotes`: the same of a quote, for which a supplier is asked."""

    steps: Latencies = field(default_factory=Latencies)
    quotes: Latencies = field(default_factory=Latencies)
    declined: int = 0
    questions: int = 0
    at_paypal: int = 0
    refusals: dict[str, int] = field(default_factory=dict)

    def refused(self, code: str) -> None:
        self.refusals[code] = self.refusals.get(code, 0) + 1


class Person:
    """One traveller and their connection. Owns the session while its trip runs."""

    def __init__(
        self,
        account: Account,
        ws: str,
        figures: Figures,
        rng: random.Random,
        bad_cards: float,
        *,
        at_paypal: bool = False,
    ) -> None:
        self.user_id = str(account.user["id"])
        self.view: Frame = {}
        self._figures, self._rng, self._bad_cards = figures, rng, bad_cards
        self._at_paypal = at_paypal
        self._visited: set[str] = set()
        self.cards = 0
        self._acted_on = -1
        self._answered: set[str] = set()
        self._news = trio.Event()
        self.session = Session(
            dial=dial_url(ws),
            credentials=account,
            name="caravan-loadtest",
            on_event=self._hear,
            rng=rng,
        )

    async def say(self, kind: str, latencies: Latencies | None = None, /, **fields: Any) -> Frame:
        """A command until it is answered: temporary refusals and silence are no answers, for a minute.
        Raises `Refused`."""
        begun = trio.current_time()
        while True:
            try:
                answer = await self.session.ask(kind, within=INSISTS_FOR, **fields)
            except Refused as refusal:
                self._figures.refused(f"{kind} {refusal.code}")
                is_over = trio.current_time() - begun > INSISTS_FOR
                if not refusal.is_temporary or is_over:
                    raise
                await trio.sleep(max(refusal.retry_after, self._rng.uniform(*REST)))
            except trio.TooSlowError:
                self._figures.refused(f"{kind} (silence)")
                if trio.current_time() - begun > INSISTS_FOR:
                    raise Refused({"code": "silence"}) from None
            else:
                if latencies is not None:
                    latencies.record(trio.current_time() - begun)
                return answer

    def sees(self, view: Frame) -> None:
        """The higher version wins."""
        if view["version"] > self.view.get("version", 0):
            self.view = view
            self._news.set()

    async def follow(self) -> None:
        """Do what the booking asks of this person until it has ended."""
        while self.view.get("status") not in ENDED:
            news, self._news = self._news, trio.Event()
            del news
            if not await self._act():
                await self._news.wait()

    async def _act(self) -> bool:
        """Whether something was done about the newest view."""
        view = self.view
        if not view or view["version"] <= self._acted_on:
            return False
        self._acted_on = view["version"]
        question = view.get("question")
        if question and self.user_id in question["to"] and question["id"] not in self._answered:
            return await self._answer(view, question)
        page = str((view.get("action") or {}).get("url") or "")
        if PAGE in page and page not in self._visited:
            return await self._agree(page)
        mine = next((one for one in view["participants"] if one["userId"] == self.user_id), None)
        if mine and view["status"] in PAYABLE and mine["state"] in UNPAID:
            return await self._pay(view, mine)
        return False

    async def _agree(self, page: str) -> bool:
        """In their browser, at the provider's page."""
        self._visited.add(page)
        # On loopback: certificates that nobody looks at take a while to be read.
        async with httpx.AsyncClient(timeout=WITHIN, trust_env=False, verify=False) as browser:  # noqa: S501
            for _ in range(VISITS):
                with suppress(httpx.HTTPError):
                    answer = await browser.post(f"{page}&result=approve")
                    if not answer.is_server_error:
                        self._figures.at_paypal += answer.is_redirect
                        return True
                await trio.sleep(self._rng.uniform(*REST))
        return False

    async def _answer(self, view: Frame, question: Frame) -> bool:
        """As who wants to travel."""
        self._answered.add(question["id"])
        self._figures.questions += 1
        wanted = ANSWERS.get(question["kind"], "")
        offered = [option["id"] for option in question["options"]]
        return await self._done(
            "booking.decide",
            bookingId=view["bookingId"],
            questionId=question["id"],
            optionId=wanted if wanted in offered else offered[-1],
        )

    async def _pay(self, view: Frame, mine: Frame) -> bool:
        card = self.next_card()
        if card is None:
            return False
        self._figures.declined += mine["state"] == "declined"
        self.cards += 1
        return await self._done(
            "booking.approve",
            bookingId=view["bookingId"],
            paymentMethod=card,
            clientId=self.session.new_id(),
        )

    def next_card(self) -> str | None:
        """None: there is none left. `cards`: how many were tried."""
        if self.cards >= MOST_CARDS:
            return None
        is_bad = self.cards == 0 and self._rng.random() < self._bad_cards
        cards = BAD_CARDS if is_bad else GOOD_CARDS
        return PAYPAL if self._at_paypal else cards[self.cards % len(cards)]

    def is_mine(self, view: Frame) -> bool:
        """Whether this update is of the booking that this person takes part in: there is no other."""
        return bool(view)

    async def _done(self, kind: str, /, **fields: Any) -> bool:
        """What is refused for good was overtaken: the next update says what to do."""
        try:
            answer = await self.say(kind, self._figures.steps, **fields)
        except Refused:
            return False
        # What is shown now is what came of it: no second card for the same state.
        self._acted_on = max(self._acted_on, answer["booking"]["version"])
        self.sees(answer["booking"])
        return True

    def _hear(self, event: Frame) -> None:
        if event["type"] == "booking.update" and self.is_mine(event):
            self.sees(event)
        elif event["type"] == "local.inbox_reset" and self.view:
            # The rare case of a socket that was cut for long: read it again.
            self.session.ask_nowait("booking.get", self._read, bookingId=self.view["bookingId"])

    def _read(self, answer: Frame | Exception) -> None:
        if not isinstance(answer, Exception):
            self.sees(answer["booking"])


@dataclass(slots=True, kw_only=True, eq=False)
class Trip:
    """One saga. `booking_id` once it was opened; `ended_at` (trio's clock) once somebody has heard of its
    end; `why` it was never opened."""

    number: int
    supplier: str
    accounts: Sequence[Account]
    api: Api
    ws: str
    figures: Figures
    rng: random.Random
    bad_cards: float
    today: date = field(default_factory=lambda: datetime.now(UTC).date())
    booking_id: str = ""
    status: str = ""
    why: str = ""
    begun_at: float = 0.0
    ended_at: float | None = None
    over: trio.Event = field(default_factory=trio.Event)

    async def play(self) -> None:
        """From the search to the end. Ends by itself, or is cancelled."""
        self.begun_at = trio.current_time()
        people = self.people()
        try:
            async with trio.open_nursery() as nursery:
                for person in people:
                    nursery.start_soon(person.session.run)
                await self._play(people)
                nursery.cancel_scope.cancel()
        except* (GaveUpError, Refused, SessionStopped, ApiError, UnreachableError) as group:
            self.why = self.why or str(group.exceptions[0])
        finally:
            self.over.set()

    def people(self) -> Sequence[Person]:
        """Who takes part, the organiser first."""
        return [
            Person(
                account,
                self.ws,
                self.figures,
                self.rng,
                self.bad_cards,
                at_paypal=place % PAYS_AT_PAYPAL == 0,
            )
            for place, account in enumerate(self.accounts, 1)
        ]

    async def before_paying(self) -> None:
        """What they wait for once it is open: nothing."""

    async def look(self) -> bool:
        """Whether there is something to be booked."""
        found = await self._found(0)
        if found is not None:
            self.why = ""
        return found is not None

    async def _play(self, people: Sequence[Person]) -> None:
        organiser = people[0]
        room_id = await self._meet(people)
        quote = await self._quoted(organiser, room_id)
        answer = await organiser.say(
            "booking.create",
            self.figures.steps,
            quoteId=quote["quoteId"],
            roomId=room_id,
            participants=[one.user_id for one in people],
            travellers=[
                {"id": str(place), "payerId": one.user_id, "type": "adult"}
                for place, one in enumerate(people, 1)
            ],
            split="equal",
            clientId=organiser.session.new_id(),
        )
        self.booking_id = answer["booking"]["bookingId"]
        for person in people:
            person.sees(answer["booking"])
        await self.before_paying()
        async with trio.open_nursery() as nursery:
            for place, person in enumerate(people, 1):
                nursery.start_soon(self._take_part, person, place)
        self.status = organiser.view["status"]

    async def _take_part(self, person: Person, place: int) -> None:
        answer = await person.say(
            "booking.traveller",
            self.figures.steps,
            bookingId=self.booking_id,
            travellerId=str(place),
            givenName="Ada",
            familyName="Byron",
            bornOn="1990-05-14",
            gender="female",
            email=f"traveller{place}@example.test",
            phone="+49 30 123456",
        )
        person.sees(answer["booking"])
        await person.follow()
        if self.ended_at is None:
            self.ended_at = trio.current_time()

    async def _meet(self, people: Sequence[Person]) -> str:
        organiser = people[0]
        for person in people:
            await person.session.wait_connected()
        answer = await organiser.say(
            "room.create",
            kind="group",
            title=f"trip {self.number}",
            clientId=organiser.session.new_id(),
            members=[one.user_id for one in people[1:]],
        )
        room_id = str(answer["room"]["id"])
        for person in people[1:]:
            await person.say("room.join", roomId=room_id)
        return room_id

    async def _quoted(self, organiser: Person, room_id: str) -> Frame:
        """Of the first offer that can be had. Raises `GaveUpError`."""
        for attempt in range(TRIES):
            offer_id = await self._found(attempt)
            if offer_id is None:
                continue
            begun = trio.current_time()
            try:
                quote = await organiser.say(
                    "booking.quote",
                    offerIds=[offer_id],
                    roomId=room_id,
                    adults=len(self.accounts),
                )
            except Refused as refusal:
                if refusal.quote is None:
                    self.why = str(refusal)
                    continue
                quote = refusal.quote
            self.figures.quotes.record(trio.current_time() - begun)
            self.why = ""
            return quote
        raise GaveUpError(self.why)

    async def _found(self, attempt: int) -> str | None:
        """An offer of our supplier that can be held; another route and day with every attempt."""
        place = (self.number // 2 + 11 * attempt) % QUERIES
        origin, destination = ROUTES[place % len(ROUTES)]
        day = self.today + timedelta(days=FIRST_DAY + 5 * place)
        query = {"kind": "flight", "from": origin, "to": destination}
        query |= {"start": day.isoformat(), "adults": str(len(self.accounts))}
        token = await self.accounts[0].token()
        try:
            answer = await self.api.call("GET", "/offers", query=query, token=token)
        except (ApiError, UnreachableError) as error:
            self.figures.refused("offers")
            self.why = str(error)
            await trio.sleep(self.rng.uniform(*REST))
            return None
        cards = [one for one in answer["items"] if one["supplier"] == self.supplier]
        cards = [one for one in cards if one["canHold"] and not one.get("isStale")]
        if not cards:
            self.why = f"{self.supplier} offers nothing on {origin}-{destination}"
            return None
        return str(self.rng.choice(cards)["offerId"])
