"""One hostile frame goes in; exactly one documented thing may come of it."""

import random
from dataclasses import dataclass, field
from typing import Any, Final

import msgpack
from carriage import BINARY, FINAL, frame
from cases import MUTATED, Case
from field_mutations import ANY
from memory_gateway import NOW_MS, ROOM, MemoryGateway, Peer, Received
from valid_frames import CANARY
from verdicts import Verdict, compare, verdict_of

from core.card_refusal import demand_no_card
from core.errors import Rejected
from protocol.addresses import Address
from protocol.close_codes import CloseCode
from protocol.consultation import SignalConsultation
from protocol.errors import ERROR_CODES
from protocol.frames import Ping, Pong
from protocol.limits import MAX_FRAME_BYTES
from protocol.presence import SetPresence
from protocol.session import Hello

MOST_REPLY_BYTES: Final = 2_048
ERROR_FIELDS: Final = {
    "type",
    "ref",
    "code",
    "message",
    "temporary",
    "retryAfterMs",
    "fields",
    "reference",
}
HELLO: Final = {"type": "hello", "token": "t", "client": {"name": "fuzz", "version": "1"}}
JOIN: Final = {"type": "room.join", "roomId": ROOM, "ref": 1}
OPENS: Final = "a good client's connection does not open"


class Broken(AssertionError):
    """A promise was broken by this frame."""


@dataclass
class Oracle:
    """Sends cases through one gateway and judges what comes back.

    `logs`: where structlog writes; the gateway has nothing to say about a client that means harm.
    """

    gateway: MemoryGateway
    logs: list[Any]
    rng: random.Random = field(default_factory=lambda: random.Random(0))
    peer: Peer | None = None

    def judge(self, case: Case) -> str:
        """What came of a case, in words that are counted. Raises `Broken`."""
        try:
            outcome = self._judged(case)
            assert not self.logs, f"logged {self.logs}"
            assert self.gateway.connections.statistics()["crashed"] == 0, "a channel crashed"
        except Exception as problem:
            raise Broken(f"{type(problem).__name__}: {problem}\n{case}") from problem
        return outcome

    def hang_up(self) -> None:
        if self.peer is not None:
            self._let_go(self.peer)
            self.peer = None

    def _judged(self, case: Case) -> str:
        peer = self._open_peer() if case.stage == "open" else Peer(self.gateway)
        self.gateway.delivered.clear()
        reads = case.reads
        if case.stage == "greeting":
            # In one read, so that the frame is there, and held, before its session answers.
            reads = [encoded(HELLO, self.rng) + b"".join(reads)]
        got = peer.send(reads)
        if case.stage == "greeting" and self.gateway.delivered:
            assert isinstance(self.gateway.delivered.pop(0)[1], Hello)
        if case.payload is None:
            outcome = self._after_violation(case, peer, got)
        else:
            outcome = self._after_message(case, peer, got, case.payload)
        if case.stage != "open" or not peer.connection.is_open:
            self._let_go(peer)
        return outcome

    # Connections.

    def _open_peer(self) -> Peer:
        if self.peer is None or not self.peer.connection.is_open:
            self.peer = Peer(self.gateway)
            self.gateway.delivered.clear()
            got = self.peer.send([encoded(HELLO, self.rng) + encoded(JOIN, self.rng)])
            assert got.maps[1:] == [{"type": "ok", "ref": 1}], OPENS
            assert len(self.gateway.delivered) == 2, OPENS
        return self.peer

    def _let_go(self, peer: Peer) -> None:
        """The client goes, and nothing of its connection stays. Some leave that to the deadlines."""
        was_open = peer.connection.is_open
        if was_open or self.rng.random() < 0.9:
            peer.hang_up(self.rng, politely=not was_open)
            assert peer.wire.is_closed, "the client is gone, its connection is not"

    # What may come of a case.

    def _after_violation(self, case: Case, peer: Peer, got: Received) -> str:
        assert not self.gateway.delivered, "delivered"
        if case.close_code is None:
            peer.hang_up(self.rng, politely=False)
            assert peer.wire.is_closed
            return "gone"
        if case.stage == "greeting" and [m["type"] for m in got.maps[:1]] == ["welcome"]:
            del got.maps[0], got.raw[0]  # a large frame ends after its session has answered
        return self._closed(got, case.close_code)

    def _after_message(self, case: Case, peer: Peer, got: Received, payload: bytes) -> str:
        if len(payload) > MAX_FRAME_BYTES:
            assert not self.gateway.delivered, "delivered"
            return self._closed(got, CloseCode.FRAME_TOO_LARGE)
        verdict = verdict_of(payload)
        compare(payload, verdict)
        self._meets_expectation(case, verdict)
        is_opening = case.stage == "opening"
        if case.stage == "greeting":
            assert got.maps.pop(0)["type"] == "welcome"
            got.raw.pop(0)
        if verdict.word == "malformed":
            assert not self.gateway.delivered, "delivered"
            return self._closed(got, CloseCode.MALFORMED_FRAME)
        refused = verdict.refused
        if refused is None:
            return self._accepted(peer, verdict.frame, got, is_opening=is_opening)
        assert not self.gateway.delivered, "refused and delivered"
        error = self._one_error(got, refused.code, refused.ref)
        named = [fault["field"] for fault in error["fields"]]
        assert named == [name for name, _ in refused.fields], named
        self._still_serves(peer, is_opening=is_opening)
        return f"refused {refused.code}"

    def _meets_expectation(self, case: Case, verdict: Verdict) -> None:
        if case.group != MUTATED:
            return
        expect = case.expect
        assert expect is not None
        assert verdict.word in expect.verdicts, f"{verdict.word}, not {set(expect.verdicts)}"
        if (refused := verdict.refused) is not None and expect.verdicts != ANY:
            field, _ = refused.fields[0]
            assert _leads_to(field, expect.shown), f"{field} is named, not {expect.shown}"
            assert refused.ref == expect.ref, f"ref {refused.ref}, not {expect.ref}"

    def _accepted(self, peer: Peer, frame: Any, got: Received, *, is_opening: bool) -> str:
        ref = getattr(frame, "ref", None)
        if isinstance(frame, Hello):
            return self._greeted(frame, got, is_opening=is_opening)
        if not _goes_to_an_actor(frame) or is_opening:
            assert not self.gateway.delivered, "delivered"
        if isinstance(frame, Ping):
            assert got == ([{"type": "pong", "t": frame.t, "serverTime": NOW_MS}], got.raw, None)
            return "answered"
        if is_opening:
            return self._closed(got, CloseCode.UNAUTHENTICATED)
        if (named := _card_in(frame)) is not None:
            assert not self.gateway.delivered, "a card's number was delivered"
            # The field is named, by the client's words where these are short ones.
            unnamed = [raw.replace(named[0].encode(), b"") for raw in got.raw]
            error = self._one_error(got._replace(raw=unnamed), "bad_request", ref)
            assert [fault["field"] for fault in error["fields"]] == named
            return "refused bad_request"
        answers = [] if ref is None else [{"type": "ok", "ref": ref}]
        assert got == (answers, got.raw, None), "not answered once"
        if not _goes_to_an_actor(frame):
            return "answered"
        assert self.gateway.delivered == [(_address(peer, frame), frame)], "not one message"
        return "dispatched"

    def _greeted(self, hello: Hello, got: Received, *, is_opening: bool) -> str:
        if not is_opening:
            assert not self.gateway.delivered, "a second hello went on"
            self._one_error(got, "bad_request", None)
            return "refused bad_request"
        assert [message for _, message in self.gateway.delivered] == [hello]
        assert [message["type"] for message in got.maps] == ["welcome"]
        return "dispatched"

    def _closed(self, got: Received, code: int) -> str:
        assert got.close_code == code, f"closed with {got.close_code}, not {code}"
        if CloseCode(code).is_announced:
            self._one_error(got._replace(close_code=None))
        else:
            assert not got.maps, got.maps
        return f"closed {int(code)}"

    def _one_error(self, got: Received, code: str = "", ref: int | None = None) -> dict[str, Any]:
        """The one refusal that came, in the contract's shape and none of the client's words."""
        assert got.close_code is None, f"closed with {got.close_code}"
        assert got.maps, "is refused in silence"
        assert [message["type"] for message in got.maps] == ["error"], got.maps
        (error,), (raw,) = got.maps, got.raw
        assert set(error) <= ERROR_FIELDS
        assert error["code"] in ERROR_CODES
        assert error["code"] == (code or error["code"])
        assert error.get("ref") == ref, f"answered ref {error.get('ref')}, not {ref}"
        assert isinstance(error["temporary"], bool)
        assert error["message"]
        assert len(raw) <= MOST_REPLY_BYTES, f"a refusal of {len(raw)} bytes"
        assert CANARY.encode() not in raw, "the client's own words came back"
        return error

    def _still_serves(self, peer: Peer, *, is_opening: bool) -> None:
        """A refusal is no end: the next good command is served."""
        if is_opening:
            assert [m["type"] for m in peer.send_map(HELLO, self.rng).maps] == ["welcome"]
            return
        command = {"type": "chat.read", "roomId": ROOM, "seq": 1, "ref": self.rng.getrandbits(32)}
        got = peer.send_map(command, self.rng)
        assert got.maps == [{"type": "ok", "ref": command["ref"]}], "a good command is not served"
        assert len(self.gateway.delivered) == 1


def encoded(message: dict[str, Any], rng: random.Random) -> bytes:
    """A map in one honest WebSocket frame."""
    return frame(FINAL | BINARY, msgpack.packb(message), rng)


OF_THE_SESSION = frozenset(
    {
        *("chat.search", "auth.refresh"),
        *("persona.switch", "persona.cancel", "persona.feedback", "card.opened"),
    }
)


def _goes_to_an_actor(frame: Any) -> bool:
    return not isinstance(frame, (Ping, Pong, SetPresence))


def _card_in(frame: Any) -> list[str] | None:
    """The field in which a number in free form looks like a card's, by chance; signals stay nowhere."""
    if isinstance(frame, SignalConsultation):
        return None
    try:
        demand_no_card(frame)
    except Rejected as refusal:
        return [name for name, _ in refusal.fields]
    return None


def _address(peer: Peer, frame: Any) -> Address:
    """Whose a command is, by the contract: a room's, a booking's, the user's (a new room), their desk's,
    the session's."""
    kind = type(frame).__struct_config__.tag
    if kind in ("booking.quote", "booking.create"):
        return Address("desk", "ada")
    if kind.startswith("booking."):
        return Address("booking", frame.booking_id)
    if kind.startswith("consult."):
        return Address("consultation", frame.consultation_id)
    if kind.startswith("plan."):
        return Address("plan", frame.room_id)
    if kind in OF_THE_SESSION:
        return Address("session", peer.connection.session_id)
    return Address("user", "ada") if kind == "room.create" else Address("room", frame.room_id)


def _leads_to(field: str, shown: str) -> bool:
    """Whether the field named is the mutated one, or lies inside it."""
    return not shown or field == shown or field.startswith((f"{shown}.", f"{shown}["))
