"""A consultation's call: passes signals between two connections, and says who is there."""

from contextlib import suppress
from dataclasses import replace
from typing import Any, Final

import trio

from actors.consultation.entrance import demand_open
from actors.consultation.machine import Meeting
from actors.consultation.ports import ConsultationPorts
from core.actor import Actor, ActorSpec
from core.envelope import Envelope
from core.errors import Rejected, Unavailable
from core.ports.consultations import Consultation
from core.ports.fanout import Client, FrameLane
from protocol.addresses import Address
from protocol.codec import encode
from protocol.consultation import (
    CONSULTATION,
    ConsultationSignalled,
    JoinConsultation,
    LeaveConsultation,
    SignalConsultation,
)
from protocol.frames import Done, Value
from protocol.user import USER, ConsultationState, TellConsultation

LOOK_EVERY: Final = 1.0
"""Seconds between two looks at who is there: so often at most both are told."""

READ_EVERY: Final = 10
"""Looks between two readings of the row: it may have been cancelled."""

INBOX_WITHIN: Final = 10.0
STORE_EVERY: Final = 30.0
"""Seconds of a call that a kill may cost at the most."""


class Look(Value, frozen=True, kw_only=True):
    """A second has passed."""


def spec(ports: ConsultationPorts) -> ActorSpec:
    """Calls: gone when nobody is there."""
    return ActorSpec(
        kind=CONSULTATION, make=lambda id: ConsultationActor(id, ports), idle_after=60.0
    )


class ConsultationActor(Actor[Any]):
    """One call. Level-triggered: compares who is there with what was last told.

    Owns: the connections that have joined, and the seconds that are not stored yet. Borrows: the ports.
    Lets crash: what it does not know. Who was there joins again, as after a kill.
    """

    def __init__(self, id: str, ports: ConsultationPorts) -> None:
        self._id = id
        self._ports = ports
        self._row: Consultation | None = None
        self._clients: dict[str, Client] = {}
        self._meeting = Meeting()
        self._told: ConsultationState = "booked"
        self._news: TellConsultation | None = None
        self._is_looking = False
        self._looks = 0

    async def handle(self, envelope: Envelope[Any]) -> None:
        match envelope.message:
            case JoinConsultation():
                await self._join(envelope)
            case SignalConsultation() as command:
                self._signal(envelope, command)
            case LeaveConsultation():
                self._leave(envelope)
            case Look():
                self._is_looking = False
                await self._look()
            case unexpected:
                raise TypeError(f"a consultation understands no {type(unexpected).__name__}")

    async def stopping(self) -> None:
        if self._row is not None:
            await self._store(self._row, self._ports.clock.monotonic())

    def has_work(self) -> bool:
        return bool(self._clients)

    def redacted_state(self) -> object:
        return {"there": len(self._clients), "told": self._told}

    async def _join(self, envelope: Envelope[Any]) -> None:
        user_id, ports = self._demand_ours(envelope), self._ports
        found = await ports.consultations.get(ports.tenant_id, self._id)
        self._row = demand_open(found, user_id, now=ports.business.business_ms())
        if envelope.client is not None and envelope.client.is_open:
            self._clients[user_id] = envelope.client
            self._meeting.enter(user_id, ports.clock.monotonic())
        envelope.answer(Done())
        self._look_soon()

    def _signal(self, envelope: Envelope[Any], command: SignalConsultation) -> None:
        """To the connection that has joined last, as all that it hears of this call."""
        user_id = self._demand_ours(envelope)
        if user_id not in self._clients or self._clients[user_id] is not envelope.client:
            raise Rejected("conflict", "Join this consultation first.")
        other = self._clients.get(command.to)
        if other is None or command.to == user_id or not other.is_open:
            raise Rejected(
                "conflict", "They are not there.", fields=[("to", "They are not there.")]
            )
        passed = ConsultationSignalled(consultation_id=self._id, from_=user_id, data=command.data)
        # Dropped before it fills the socket of who cannot keep up: nobody closes another's connection.
        other.send_nowait(encode(passed), FrameLane.EPHEMERAL)
        envelope.answer(Done())

    def _leave(self, envelope: Envelope[Any]) -> None:
        user_id = self._demand_ours(envelope)
        if self._clients.get(user_id) is envelope.client:
            self._part(user_id)
        envelope.answer(Done())

    def _demand_ours(self, envelope: Envelope[Any]) -> str:
        principal = envelope.of()
        if principal.tenant_id != self._ports.tenant_id:
            raise Rejected("not_found", "There is no such consultation.")
        return principal.user_id

    def _part(self, user_id: str) -> None:
        self._clients.pop(user_id, None)
        self._meeting.leave(user_id, self._ports.clock.monotonic())

    def _look_soon(self) -> None:
        if not self._is_looking:
            self._is_looking = True
            self.context.after(LOOK_EVERY, Look())

    async def _look(self) -> None:
        """Who has gone, whether it is over, what both are to be told; and again, while anybody is there."""
        row = await self._present()
        is_over = self._ports.business.business_ms() >= row.ends_at
        for user_id, client in list(self._clients.items()):
            if is_over or row.state != "booked" or not client.is_open:
                self._part(user_id)
        at = self._ports.clock.monotonic()
        # That it was cancelled the outbox tells.
        state = "over" if is_over else self._meeting.state()
        if row.state == "booked" and state != self._told:
            self._tell(row, state, at)
        if not self._clients or self._meeting.seconds(at) >= STORE_EVERY:
            await self._store(row, at)
        if self._clients:
            self._look_soon()

    async def _present(self) -> Consultation:
        """The row, read again now and then: it may have been cancelled."""
        ports, self._looks = self._ports, self._looks + 1
        if self._looks % READ_EVERY == 0:
            with suppress(Unavailable):
                self._row = await ports.consultations.get(ports.tenant_id, self._id)
        if self._row is None:
            raise LookupError(f"the consultation {self._id} is gone")
        return self._row

    def _tell(self, row: Consultation, state: ConsultationState, at: float) -> None:
        news = TellConsultation(
            consultation_id=self._id,
            state=state,
            change=self._ports.ids.uuid7(),
            meter_seconds=int(row.metered_ms / 1_000 + self._meeting.seconds(at)),
        )
        self._told, self._news = state, news
        for user_id in (row.professional_id, row.traveller_id):
            if user_id is not None:
                self.context.start_soon(self._bring, USER.at(user_id), news)

    async def _bring(self, address: Address, news: TellConsultation) -> None:
        """A child task: until the inbox has it, which takes it once, or there is newer."""
        while self._news is news:
            try:
                await self.context.ref_to(address).ask(news, timeout=INBOX_WITHIN)
                return
            except Rejected as refusal:
                if refusal.code == "internal" or not refusal.temporary:
                    return
            await trio.sleep(LOOK_EVERY)

    async def _store(self, row: Consultation, at: float) -> None:
        """Where nobody knows whether it was stored, it is not counted twice: rather too little than too much."""
        taken = self._meeting.take(at)
        if taken:
            with suppress(Unavailable):
                ports = self._ports
                await ports.consultations.meter(ports.tenant_id, self._id, taken)
            self._row = replace(row, metered_ms=row.metered_ms + taken)
