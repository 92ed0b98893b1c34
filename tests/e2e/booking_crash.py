"""Bookings through kill -9: one story, one site at which a process ends, and what is left of it all."""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import asyncpg
import trio
from booking_afterwards import (
    Afterwards,
    found_afterwards,
    gather_afterwards,
    replacements_of,
    unseen_afterwards,
)
from booking_audit import Evidence, findings, gather
from booking_people import ENDED, SECRETS, Participant, Script
from booking_points import PAYPAL, STORIES, Point, points_of
from booking_stand import DAY_MS, Stand

from loadtest.accounts import ApiError, UnreachableError
from loadtest.client import Refused

Frame = dict[str, Any]
STALLED_AFTER: Final = 1.0
FIRST_LEAP_MS: Final = 30_000
LARGEST_LEAP_MS: Final = 2 * 3_600_000
LEAP_OF_ORDERS_MS: Final = 300_000
"""Of booked trips, whose story is to end as it began: orders are made within half an hour."""
ENDS_WITHIN: Final = 120.0
QUOTES: Final = 5
HIT_WITHIN: Final = 40.0
LATE: Final = 0.3
"""Seconds after everybody saw its end in which a booking may still come by a site."""

FOLLOWED_AFTER: Final = 2.5
"""Seconds after which a server has heard of a leap."""

AT_LAST_MS: Final = 4 * DAY_MS
MOVED_BY: Final = 95
"""Minutes by which an airline moves a flight."""


@dataclass
class Tally:
    """What a run of points came to."""

    played: int = 0
    hit: list[Point] = field(default_factory=list)
    missed: list[Point] = field(default_factory=list)
    ends: dict[str, int] = field(default_factory=dict)
    findings: list[str] = field(default_factory=list)
    runs: list["_Run"] = field(default_factory=list)

    def add(self, other: "Tally") -> None:
        self.played += other.played
        self.hit += other.hit
        self.missed += other.missed
        self.findings += other.findings
        for state, count in other.ends.items():
            self.ends[state] = self.ends.get(state, 0) + count

    def __str__(self) -> str:
        return (
            f"{self.played} bookings, {len(self.hit)} kills, {len(self.missed)} sites not reached, "
            f"{self.ends}, {len(self.findings)} findings"
        )


async def play_all(stand: Stand, points: Sequence[Point]) -> Tally:
    """One booking for each, one after another; all are judged as they end, and after four more days. The
    stand is armed for the first point."""
    tally = Tally()
    for place, point in enumerate(points):
        after = points[place + 1] if place + 1 < len(points) else None
        run = _Run(stand, point)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_until_hit, stand, run, after)
            nursery.start_soon(_pass_time, stand, [run])
            await run.play()
            with trio.move_on_after(LATE):
                await run.hit.wait()
            if run.was_hit:
                await run.back.wait()
            nursery.cancel_scope.cancel()
        # The next one makes its own: what has not fired, and what was asked for twice, is not for it.
        await stand.steer("DELETE", "/_sandbox/rules")
        # Before anything is armed that may end at once.
        await _judge(stand, run, tally)
        if after is not None and not (run.was_hit and _follows(point, after)):
            await stand.begin(after.victim, after.crash_at)
    await _judge_at_last(stand, tally)
    return tally


async def play_together(stand: Stand, points: Sequence[Point]) -> Tally:
    """The same, but each begins once the one before lost its process: it goes on meanwhile. Outages are
    longer than the shortest deadlines."""
    tally, runs = Tally(), [_Run(stand, point) for point in points]
    stand.outage_ms = 600_000
    async with trio.open_nursery() as nursery:
        for place, run in enumerate(runs):
            after = points[place + 1] if place + 1 < len(points) else None
            nursery.start_soon(run.play)
            with trio.move_on_after(HIT_WITHIN):
                await _until_hit(stand, run, after)
            if after is not None and not (run.was_hit and _follows(run.point, after)):
                await stand.begin(after.victim, after.crash_at)
        async with trio.open_nursery() as clock:
            clock.start_soon(_pass_time, stand, runs)
            for run in runs:
                await run.done.wait()
            clock.cancel_scope.cancel()
    for run in runs:
        await _judge(stand, run, tally)
    await _judge_at_last(stand, tally)
    return tally


def _follows(point: Point, after: Point) -> bool:
    """Whether a server that begins anew after the one may be armed for the other."""
    return point.victim == after.victim == "server"


async def _until_hit(stand: Stand, run: "_Run", after: Point | None) -> None:
    """Until the victim has ended where it should, and begun anew."""
    status = await stand.ended()
    assert status == -9, (str(run.point), status, stand.server.last_words())
    run.hit.set()
    is_next = after is not None and _follows(run.point, after)
    await stand.again(after.crash_at if after is not None and is_next else "")
    run.back.set()


async def _judge(stand: Stand, run: "_Run", tally: Tally) -> None:
    seen = await run.evidence()
    tally.played += 1
    tally.runs.append(run)
    if run.point.site:
        (tally.hit if run.was_hit else tally.missed).append(run.point)
    state = seen.saga.state
    tally.ends[state] = tally.ends.get(state, 0) + 1
    found = await run.judge(seen)
    tally.findings += [f"{run.point}: {one}" for one in found]
    print(f"{run.point}: {'killed' if run.was_hit else 'not reached'}, {state} {found}", flush=True)


async def _judge_at_last(stand: Stand, tally: Tally) -> None:
    """After four days, and what is in the logs."""
    await stand.advance(AT_LAST_MS)
    await trio.sleep(FOLLOWED_AFTER)
    for run in tally.runs:
        found = await run.judge(await gather(stand, run.booking_id))
        tally.findings += [f"{run.point}, four days later: {one}" for one in found]
    for log in (stand.server.log, stand.sandbox.log):
        text = log.read_text(errors="replace") if log.exists() else ""
        tally.findings += [f"{log.name} tells {word}" for word in SECRETS if word in text]


async def _pass_time(stand: Stand, runs: Sequence["_Run"]) -> None:
    """Where nothing happens to any of them, business time leaps, ever farther."""
    leap, seen, since = FIRST_LEAP_MS, [0], trio.current_time()
    while True:
        await trio.sleep(0.1)
        versions = [run.version for run in runs]
        if versions != seen or not all(one.session.is_connected for one in stand.people.values()):
            seen, since = versions, trio.current_time()
        elif trio.current_time() > since + STALLED_AFTER:
            await stand.advance(min(leap, *(run.longest_leap for run in runs)))
            leap = min(leap * 40, LARGEST_LEAP_MS)
            # Whoever begins anew meanwhile has a look before the next one.
            since = trio.current_time() + 2 * STALLED_AFTER


class _Run:
    """One booking, from the search to its end."""

    def __init__(self, stand: Stand, point: Point) -> None:
        self.point, self.booking_id = point, ""
        self.hit, self.back, self.done = trio.Event(), trio.Event(), trio.Event()
        self._stand, self._story = stand, STORIES[point.story]
        self._ada, self._bob = stand.people["ada"], stand.people["bob"]
        self._is_set = not self._story.lapses
        self.before: Evidence | None = None
        """Once it was booked, where it goes on then."""
        self.ended: Evidence | None = None
        self.afterwards: Afterwards | None = None
        self._other_id = ""

    @property
    def was_hit(self) -> bool:
        """Whether the victim has ended at its site."""
        return self.hit.is_set()

    @property
    def version(self) -> int:
        """The newest that anybody saw, of it and of what takes its place."""
        return sum(
            max(int(one.of(id_).view.get("version", 0)) for one in (self._ada, self._bob))
            for id_ in (self.booking_id, self._other_id)
            if id_
        )

    @property
    def longest_leap(self) -> int:
        """Suppliers are asked for two minutes only what a trip costs today, and what else could be flown: who is
        slow here would have another end."""
        if not self.booking_id:
            return LARGEST_LEAP_MS
        first = self._ada.of(self.booking_id).view
        view = self._ada.of(self._other_id).view if self._other_id else first
        step, status = view.get("step", ""), view.get("status", "collecting")
        if "is being checked" in step or "finding out what" in step:
            return FIRST_LEAP_MS
        if not self._story.votes:
            return LARGEST_LEAP_MS
        if status == "collecting":
            return FIRST_LEAP_MS
        is_under_way = status not in ENDED or "is being changed" in step
        return LEAP_OF_ORDERS_MS if is_under_way else LARGEST_LEAP_MS

    async def play(self) -> None:
        ada, bob = self._ada, self._bob
        for one in (ada, bob):
            one.looks_again = self.point.is_awaited
        made = await ada.ask(
            "room.create",
            kind="group",
            clientId=ada.session.new_id(),
            title="Lisbon",
            members=[bob.id],
        )
        room_id = made["room"]["id"]
        await bob.session.join(room_id, within=None)
        self.booking_id = booking_id = await self._opened(room_id)
        await bob.ask("booking.get", bookingId=booking_id)
        with trio.move_on_after(ENDS_WITHIN):
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._let_lapse, booking_id)
                async with trio.open_nursery() as people:
                    people.start_soon(self._ada_takes_part, booking_id)
                    people.start_soon(self._bob_takes_part, booking_id)
                nursery.cancel_scope.cancel()
        if self._story.votes:
            with trio.move_on_after(ENDS_WITHIN):
                await self._goes_on_after_a_change()
        self.done.set()

    async def _goes_on_after_a_change(self) -> None:
        """Its airline moves the flight; processes end from here on."""
        before = await self.evidence()
        if before.saga.state != "COMPLETED":
            return
        self.before = before
        self._stand.server.go()
        order_id = before.orders[0].id
        path = f"/_sandbox/orders/{order_id}/change?minutes={MOVED_BY}"
        await self._stand.steer("POST", path)
        async with trio.open_nursery() as people:
            for one in (self._ada, self._bob):
                people.start_soon(self._votes, one)
            if self._story.votes == "rebook":
                people.start_soon(self._books_another)

    async def _votes(self, one: Participant) -> None:
        booked = one.of(self.booking_id).view["itinerary"]

        def is_over(view: Frame) -> bool:
            if self._story.votes == "rebook":
                return bool(view["status"] == "cancelled")
            is_known = view.get("itinerary") not in (None, booked)
            return is_known and view["step"] == "Everything is booked."

        await one.take_part(
            self.booking_id,
            Script(),
            may_pay=lambda: True,
            agree=self._stand.agree,
            votes=self._story.votes,
            until=is_over,
        )

    async def _books_another(self) -> None:
        while not self._other_id:
            with suppress(OSError, asyncpg.PostgresError, ValueError, KeyError):
                self._other_id = (await replacements_of(self._stand, self.booking_id) or [""])[0]
            await trio.sleep(0.3)
        async with trio.open_nursery() as people:
            for one in (self._ada, self._bob):
                people.start_soon(self._pays_for_another, one)

    async def _pays_for_another(self, one: Participant) -> None:
        await one.ask("booking.get", bookingId=self._other_id)
        await one.take_part(self._other_id, Script(), may_pay=lambda: True, agree=self._stand.agree)

    async def _opened(self, room_id: str) -> str:
        """With the first quote that business time did not leap over."""
        ada, bob = self._ada, self._bob
        for _ in range(QUOTES):
            quote = await self._quote(room_id)
            if not self._story.votes:
                self._stand.server.go()
            try:
                opened = await ada.ask(
                    "booking.create",
                    quoteId=quote["quoteId"],
                    participants=[ada.id, bob.id],
                    travellers=[
                        {"id": "1", "payerId": ada.id, "type": "adult"},
                        {"id": "2", "payerId": bob.id, "type": "adult"},
                    ],
                    split="equal",
                    clientId=ada.session.new_id(),
                )
            except Refused as refusal:
                if "expired" not in refusal.message:
                    raise
            else:
                return str(opened["booking"]["bookingId"])
        raise AssertionError("every quote had expired")

    async def evidence(self) -> Evidence:
        """Once everybody was told everything, or after a while."""
        if self._other_id:
            await self._all_told(self._other_id)
        return await self._all_told(self.booking_id)

    async def judge(self, seen: Evidence) -> list[str]:
        """What must not be. `seen`: of now; what it was at first is kept in `ended` and `afterwards`."""
        found = findings(seen)
        self.ended = self.ended or seen
        if not self._story.votes:
            return found
        if self.before is None:
            return [*found, f"it was never booked: {[told.note.text for told in seen.told]}"]
        went = await gather_afterwards(self._stand, self.before, seen)
        self.afterwards = self.afterwards or went
        return found + found_afterwards(self._story.votes, went)

    def points(self) -> list[Point]:
        """Where a process may end when it goes as this one did, which has ended."""
        assert self.ended is not None
        others = self.afterwards.others if self.afterwards is not None else ()
        return points_of(self.ended, self._story, before=self.before, others=others)

    def overlooked(self) -> list[str]:
        """What the auditor of a change does not see, of this one that went well."""
        went = self.afterwards
        return [] if went is None else unseen_afterwards(self._story.votes, went)

    async def _all_told(self, booking_id: str) -> Evidence:
        seen = await gather(self._stand, booking_id)
        with trio.move_on_after(10):
            while not all(
                watched.updates[-1:] == [seen.saga.version]
                and len(watched.cards) >= sum(told.has_card for told in seen.told)
                for watched in seen.watched.values()
            ):
                await trio.sleep(0.1)
                seen = await gather(self._stand, booking_id)
        return seen

    async def _ada_takes_part(self, booking_id: str) -> None:
        agree = self._stand.agree
        script = self._story.ada
        await self._ada.take_part(booking_id, script, may_pay=lambda: self._is_set, agree=agree)

    async def _bob_takes_part(self, booking_id: str) -> None:
        agree = self._stand.agree
        await self._bob.take_part(booking_id, self._story.bob, may_pay=lambda: True, agree=agree)

    async def _quote(self, room_id: str) -> Frame:
        """For a flight that can be held, or a room, half a year from now."""
        clock = await self._stand.steer("GET", "/_sandbox/clock")
        ahead = 120 + self._stand.kills % 60
        day, end = (_day_after(clock["business"], days) for days in (ahead, ahead + 2))
        query = {"kind": "flight", "from": "LIS", "to": "BER", "start": day, "adults": "2"}
        if self._story.kind == "hotel":
            query = {"kind": "hotel", "place": "LIS", "start": day, "end": end, "adults": "2"}
        for _ in range(100):
            try:
                token = await self._ada.account.token()
                found = await self._stand.api.call("GET", "/offers", token=token, query=query)
            except (ApiError, UnreachableError):
                found = {"items": []}
            fitting = [
                one
                for one in found["items"]
                if one["supplier"] == self._story.supplier
                and (one["canHold"] or self._story.kind == "hotel")
            ]
            if fitting:
                return await self._priced(room_id, str(fitting[0]["offerId"]))
            await trio.sleep(0.2)
        raise AssertionError("nobody sells a flight")

    async def _priced(self, room_id: str, offer_id: str) -> Frame:
        try:
            return await self._ada.ask(
                "booking.quote", offerIds=[offer_id], roomId=room_id, adults=2
            )
        except Refused as refusal:
            if refusal.quote is None:
                raise
            return refusal.quote

    async def _let_lapse(self, booking_id: str) -> None:
        """Ada pays once it is certain that Bob's hold will run out before it is captured."""
        while not self._is_set:
            rule = await self._lapsing(booking_id)
            if rule is not None:
                await self._stand.steer("POST", "/_sandbox/rules", rule)
                self._is_set = True
            await trio.sleep(0.1)

    async def _lapsing(self, booking_id: str) -> Frame | None:
        """The rule by which somebody's hold runs out; None: Bob's money is not held yet."""
        if self._story.at_paypal:
            effects = await self._stand.effects_of(booking_id)
            if not any(one["effect"] == "authorized" for one in effects):
                return None
            if self._story.loses == "ada":
                match = {"api": "stripe", "pathRegex": "/capture$"}
                return {"match": match, "action": {"type": "auth_expire_now"}}
            match = {"api": PAYPAL, "pathRegex": "/capture$"}
            errors = [{"issue": "AUTHORIZATION_EXPIRED", "description": ""}]
            return {"match": match, "action": {"type": "status", "code": 422, "errors": errors}}
        for one in await self._stand.payments_of(booking_id):
            if one["status"] == "requires_capture":
                match = {"api": "stripe", "pathRegex": f"/{one['id']}/capture$"}
                return {"match": match, "action": {"type": "auth_expire_now"}}
        return None


def _day_after(business_ms: int, days: int) -> str:
    return (
        (datetime.fromtimestamp(business_ms / 1_000, UTC) + timedelta(days=days)).date().isoformat()
    )
