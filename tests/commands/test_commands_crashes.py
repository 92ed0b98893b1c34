"""What `main.py crashes` prints."""

import json

import pytest

from commands.crashes import _show
from core.crash_shapes import shaped
from core.ports.crash_records import VERSION, CrashRecord


def test_what_is_kept_of_a_text_steers_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    record = CrashRecord(
        version=VERSION,
        reference="r",
        kind="room",
        key="k",
        at=0,
        error="ValueError",
        causes=[],
        place="",
        frames=[],
        envelopes=[],
        state={"said": shaped("\x1b[2J\x9b1c\u202e")},
    )
    _show(record)
    text = capsys.readouterr().out
    assert json.loads(text)["state"]["said"] == "\x1b[0X·0x·"
    assert all(letter.isprintable() or letter == "\n" for letter in text)
