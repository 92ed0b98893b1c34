"""Personas of the tiny server: each answers whatever is written in its room, as §5 says."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

import trio
from tiny_world import Frame, Room, new_id

if TYPE_CHECKING:
    from tiny_server import Peer, TinyServer

FIRST_AFTER = 0.02
SEARCHES_FOR = 0.3


@dataclass
class PersonaFaults:
    """`first_after`: seconds from a prompt to the first text; `searches_for`: from there to the message.
    `silent_every`: how often nobody answers, `dropped_every`: because there is too much; `twice_every`:
    how often two do. `ends`: the reason told.
    `suppliers_begin`: when there are offers. `slows_chat_by`: seconds that each message to anybody waits
    while somebody is answered.
    """

    first_after: float = FIRST_AFTER
    searches_for: float = SEARCHES_FOR
    silent_every: int = 0
    dropped_every: int = 0
    twice_every: int = 0
    ends: str = "done"
    tier: str = "generated"
    suppliers_begin: float = 0.0
    slows_chat_by: float = 0.0


class TinyPersonas:
    """Owns: counts, as /metrics names them."""

    def __init__(self, server: TinyServer) -> None:
        self._server = server
        self.counts: Counter[str] = Counter()
        self.prompts: list[tuple[float, str]] = []
        self._answering = 0

    @property
    def faults(self) -> PersonaFaults:
        return self._server.faults.personas

    def offers(self) -> Frame:
        is_there = trio.current_time() >= self.faults.suppliers_begin
        state = "answered" if is_there else "unavailable"
        return {
            "items": [{"id": "o"}] if is_there else [],
            "suppliers": [{"name": "tiny", "state": state}],
        }

    def hear(self, peer: Peer, room: Room, message: Frame) -> None:
        if not room.personas:
            return
        self.prompts.append((trio.current_time(), message["content"]))
        number = self.counts["personas_prompts"] = self.counts["personas_prompts"] + 1
        if self.faults.silent_every and number % self.faults.silent_every == 0:
            self.counts["personas_left_alone"] += 1
            return
        if self.faults.dropped_every and number % self.faults.dropped_every == 0:
            self.counts["personas_dropped_no_place"] += 1
            return
        self.counts["understanding_read"] += 1
        is_twice = self.faults.twice_every and number % self.faults.twice_every == 0
        for _ in range(2 if is_twice else 1):
            peer.nursery.start_soon(self._answer, peer, room, message["messageId"])

    def slow_down(self) -> float:
        """Seconds."""
        return self.faults.slows_chat_by if self._answering else 0.0

    async def _answer(self, peer: Peer, room: Room, reply_to: str) -> None:
        self._answering += 1
        await self._run(peer, room, reply_to)
        self._answering -= 1

    async def _run(self, peer: Peer, room: Room, reply_to: str) -> None:
        persona = room.personas[0]
        run = {"roomId": room.id, "runId": new_id()}
        message_id = new_id()
        peer.send(
            {
                "type": "run.started",
                **run,
                "personaId": persona["id"],
                "messageId": message_id,
                "replyTo": reply_to,
            }
        )
        await trio.sleep(self.faults.first_after)
        peer.send({"type": "chat.delta", **run, "offset": 0, "text": "Let me see. "})
        await trio.sleep(self.faults.searches_for)
        if self.faults.ends != "done":
            peer.send({"type": "run.ended", **run, "reason": self.faults.ends})
            return
        peer.send({"type": "chat.delta", **run, "offset": 12, "text": "Here."})
        event = room.append(
            "chat.message",
            messageId=message_id,
            sender={"id": persona["id"], "kind": "persona", "name": persona["name"]},
            content="Let me see. Here.",
            replyTo=reply_to,
            cards=[{"kind": "place", "id": "p", "title": "A place"}],
            ai={
                "model": "m",
                "version": "1",
                "personaId": persona["id"],
                "tier": self.faults.tier,
            },
        )
        self._server.publish(event)
        peer.send({"type": "run.ended", **run, "reason": "done", "seq": event["seq"]})
