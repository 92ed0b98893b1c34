"""Negative controls: each broken rule is found by the fuzz, within the number of frames stated."""

import random
import re
from collections.abc import Callable
from typing import Any

import msgpack
import msgspec
import pytest
import structlog
import trio
from campaign import Tally, run
from cases import case
from frame_oracle import Broken
from machine_speed import work
from msgspec.msgpack import Decoder
from raw_attacks import ATTACKS, VECTORS
from verdicts import MOST_WORK

from gateways.client.channel import Channel
from gateways.client.connection import Connection
from gateways.client.connections import Connections
from gateways.client.deadlines import Deadlines
from gateways.client.fanout import TopicFanout
from gateways.client.frames import FrameParser
from gateways.client.router import Router
from protocol import codec
from protocol.close_codes import CloseCode
from protocol.frames import RoomCommand
from protocol.limits import MAX_FRAME_BYTES, MAX_NESTING
from protocol.text_rules import Fault

SEED = 7
Patch = pytest.MonkeyPatch


def of_frames(count: int) -> Tally:
    return run((case(SEED, number) for number in range(count)), count=count)


def _decoding(patch: Patch, change: Callable[[Any, bytes], Any]) -> None:
    """`codec.decode` becomes `change(the real one, data)`."""
    real = codec.decode
    patch.setattr(codec, "decode", lambda data: change(real, data))


def lets_an_exception_out(patch: Patch) -> None:
    def refuse(*_: Any) -> None:
        raise KeyError("a bug")

    patch.setattr(Router, "_refuse_in_turn", refuse)


def refuses_unknown_fields(patch: Patch) -> None:
    def change(real: Any, data: bytes) -> Any:
        if b"xkanari" in data:
            raise codec.Refused([Fault("x", codec.WRONG)], ref=None)
        return real(data)

    _decoding(patch, change)


def takes_trailing_bytes(patch: Patch) -> None:
    def change(real: Any, data: bytes) -> Any:
        unpacker = msgpack.Unpacker(strict_map_key=False)
        unpacker.feed(data)
        try:
            unpacker.skip()
        except ValueError:
            return real(data)
        except msgpack.OutOfData:
            return real(data)
        return real(data[: unpacker.tell()])

    _decoding(patch, change)


def repeats_the_clients_words(patch: Patch) -> None:
    def change(real: Any, data: bytes) -> Any:
        try:
            return real(data)
        except codec.Refused as refused:
            refused.text = data.decode(errors="replace")
            raise

    _decoding(patch, change)


def changes_a_meaning(patch: Patch) -> None:
    def change(real: Any, data: bytes) -> Any:
        frame = real(data)
        if isinstance(frame, RoomCommand):
            room_id = frame.room_id.replace("kanari", "canary")
            return msgspec.structs.replace(frame, room_id=room_id)
        return frame

    _decoding(patch, change)


def takes_unmasked_frames(patch: Patch) -> None:
    real = FrameParser._fault_in

    def fault_in(self: FrameParser, first: int, second: int) -> Any:
        fault = real(self, first, second)
        return None if fault is not None and fault.reason == "frame not masked" else fault

    patch.setattr(FrameParser, "_fault_in", fault_in)


def counts_no_fragments(patch: Patch) -> None:
    real = FrameParser.__init__

    def init(self: FrameParser, *args: Any, **options: Any) -> None:
        real(self, *args, **options | {"max_fragments": 10**9})

    patch.setattr(FrameParser, "__init__", init)


def loses_the_ref(patch: Patch) -> None:
    patch.setattr(codec, "_ref_of", lambda split: None)


def believes_any_ref(patch: Patch) -> None:
    patch.setattr(codec, "_REF", Decoder(int | None))


def looks_into_nothing(patch: Patch) -> None:
    patch.setattr(codec, "_check_free_form", lambda split: None)


def never_counts_levels(patch: Patch) -> None:
    patch.setattr(codec, "nests_deeper", lambda found, levels: False)


def names_another_field(patch: Patch) -> None:
    patch.setattr(codec, "_fault_at", lambda field, problem, kind: Fault("somewhere", codec.WRONG))


def lets_zero_and_nan_pass(patch: Patch) -> None:
    patch.setattr(codec, "fault_in_values", lambda frame: None)


def measures_no_text(patch: Patch) -> None:
    patch.setattr(codec, "fault_in", lambda frame: None)


def is_slow_to_explain(patch: Patch) -> None:
    real = codec._wrong_fields

    def slow(*args: Any) -> Any:
        for _ in range(3 * MOST_WORK):
            work()
        return real(*args)

    patch.setattr(codec, "_wrong_fields", slow)


def answers_twice(patch: Patch) -> None:
    real = Router._answer

    def answer(self: Router, *args: Any) -> None:
        real(self, *args)
        real(self, *args)

    patch.setattr(Router, "_answer", answer)


def refuses_in_silence(patch: Patch) -> None:
    patch.setattr(Router, "_refuse", lambda *_: None)


def closes_after_a_refusal(patch: Patch) -> None:
    real = Router._refuse

    def refuse(self: Router, connection: Connection, *args: Any) -> None:
        real(self, connection, *args)
        connection.close_nowait(CloseCode.RESTARTING)

    patch.setattr(Router, "_refuse", refuse)


def closes_without_a_word(patch: Patch) -> None:
    patch.setattr(Connection, "farewell", lambda self, code: None)


def serves_before_hello(patch: Patch) -> None:
    real = Router._judge

    def judge(self: Router, connection: Connection, frame: Any, is_suspect: Any) -> None:
        if connection.principal is not None or hasattr(frame, "token") or hasattr(frame, "t"):
            real(self, connection, frame, is_suspect)
        else:
            connection.answer_nowait(codec.encode(codec.decode(codec.encode(frame))))

    patch.setattr(Router, "_judge", judge)


def takes_a_message_twice(patch: Patch) -> None:
    real = Router._deliver

    def deliver(self: Router, *args: Any) -> None:
        real(self, *args)
        real(self, *args)

    patch.setattr(Router, "_deliver", deliver)


def logs_what_it_catches(patch: Patch) -> None:
    real = Router._refuse

    def refuse(self: Router, *args: Any) -> None:
        structlog.get_logger().error("not handled")
        real(self, *args)

    patch.setattr(Router, "_refuse", refuse)


@pytest.mark.parametrize(
    ("breaks", "within", "reason"),
    [
        (lets_an_exception_out, 50, "closed with 4000"),
        (refuses_unknown_fields, 200, "refused, not"),
        (takes_trailing_bytes, 200, "accepted, and it is no frame"),
        (repeats_the_clients_words, 50, "the client's own words came back"),
        (changes_a_meaning, 200, "another meaning"),
        (takes_unmasked_frames, 1_000, "not 1002"),
        (counts_no_fragments, 1_000, "not 4304"),
        (loses_the_ref, 50, "ref None, not"),
        (believes_any_ref, 500, "ref \\d+, not None"),
        (looks_into_nothing, 1_000, "accepted, not"),
        (never_counts_levels, 200, "refused, not"),
        (names_another_field, 50, "somewhere is named"),
        (lets_zero_and_nan_pass, 1_000, "accepted, not"),
        (measures_no_text, 3_000, "accepted, not"),
        (is_slow_to_explain, 50, "piece of work"),
        (answers_twice, 100, "does not open"),
        (refuses_in_silence, 50, "is refused in silence"),
        (closes_after_a_refusal, 50, "closed with 4000"),
        (closes_without_a_word, 50, "is refused in silence"),
        (serves_before_hello, 200, "not 4303"),
        (takes_a_message_twice, 200, "does not open"),
        (logs_what_it_catches, 50, "logged"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_a_broken_rule_is_found(
    monkeypatch: Patch, breaks: Callable[[Patch], None], within: int, reason: str
) -> None:
    breaks(monkeypatch)
    with pytest.raises(Broken, match=rf"{reason}[\s\S]*\nreplay: .* {SEED} \d+\Z"):
        of_frames(within)


def keeps_connections(patch: Patch) -> None:
    patch.setattr(Connections, "_gone", lambda self, channel: None)


def keeps_topics(patch: Patch) -> None:
    patch.setattr(TopicFanout, "_part", lambda self, topic, connection: None)


def forgets_deadlines(patch: Patch) -> None:
    patch.setattr(Deadlines, "expire", lambda self, now: self._heap.clear())


def leaves_a_task(patch: Patch) -> None:
    real = Connections.take_in

    def take_in(self: Connections, *args: Any) -> None:
        trio.lowlevel.spawn_system_task(trio.sleep_forever)
        real(self, *args)

    patch.setattr(Connections, "take_in", take_in)


@pytest.mark.parametrize(
    ("breaks", "what"),
    [
        (keeps_connections, "connections"),
        (keeps_topics, "topics"),
        (forgets_deadlines, "connections"),
        (leaves_a_task, "tasks"),
    ],
    ids=lambda value: getattr(value, "__name__", str(value)),
)
def test_what_stays_is_found_after_300_frames(
    monkeypatch: Patch, breaks: Callable[[Patch], None], what: str
) -> None:
    assert of_frames(300).stayed == {}
    breaks(monkeypatch)
    assert what in of_frames(300).stayed


def test_each_attack_is_what_its_name_says() -> None:
    rng = random.Random(SEED)
    made = {name: [attack(rng) for _ in range(50)] for name, attack in ATTACKS.items()}
    levels = [
        unit * (MAX_NESTING - 1) for unit in (b"\x91", b"\x81\xa1a", b"\x81\xa0", b"\xdc\x00\x01")
    ]
    claims = re.compile(rb"[\xc6\xc9\xdb\xdd\xdf](\xff{4}|\x80\0{3}|\x01\0{3})")
    assert len(set(made["noise"])) > 40
    assert not set(made["spliced"]) & set(VECTORS)
    assert all(any(unit in data for unit in levels) for data in made["deep"])
    assert all(claims.search(data) for data in made["giant"])
    assert all(_is_followed(data) for data in made["trailing"])
    assert all(0.9 * MAX_FRAME_BYTES < len(data) <= MAX_FRAME_BYTES for data in made["large"])


def _is_followed(data: bytes) -> bool:
    """Whether there is more than one value."""
    with pytest.raises(msgpack.ExtraData):
        msgpack.unpackb(data)
    return True


@pytest.mark.parametrize("pieces", [[2] * 20, [1_500]], ids=["small", "large"])
def test_memory_that_every_frame_costs_is_found(monkeypatch: Patch, pieces: list[int]) -> None:
    kept: list[Any] = []
    real = Channel._take

    def take(self: Channel, data: Any) -> None:
        kept.extend(bytes(size) for size in pieces)
        real(self, data)

    monkeypatch.setattr(Channel, "_take", take)
    assert not of_frames(2_000).is_flat
