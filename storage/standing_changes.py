"""Which of the rows that changed a message still count, however often somebody sets and clears one thing.

Of one person's reactions with one emoji, and of a message's pins, those between the first and the newest
say nothing. The newest is how it stands; the first is when the emoji came, and reactions are shown in
that order. Thus a message is read with at most two rows for each emoji and member, two of its pins, and
its edits and deletion, which the room bounds (`actors.room.machine`).
"""

from collections.abc import Iterable
from typing import Final, TypeAlias

from core.ports.message_log import EventKind, LogRow
from protocol.codec import encode

Toggle: TypeAlias = tuple[int | None, EventKind, str, bytes]

EMOJI: Final = encode("emoji")
"""As a key in a body. Ids and numbers come before it, which hold no such bytes; `active`, a byte, is last."""


def standing(rows: Iterable[LogRow]) -> list[LogRow]:
    """Those of `rows` (ascending) that still count, ascending."""
    first: dict[Toggle, LogRow] = {}
    newest: dict[Toggle, LogRow] = {}
    for row in rows:
        toggle = _toggle(row)
        first.setdefault(toggle, row)
        newest[toggle] = row
    kept = {row.seq: row for row in (*first.values(), *newest.values())}
    return [kept[seq] for seq in sorted(kept)]


def _toggle(row: LogRow) -> Toggle:
    """What a row sets or clears; of an edit or a deletion itself."""
    if row.kind is EventKind.PINNED:
        return row.target_seq, row.kind, "", b""
    if row.kind is EventKind.REACTED and (at := row.body.find(EMOJI)) >= 0:
        return row.target_seq, row.kind, row.sender_id, row.body[at:-1]
    return row.target_seq, row.kind, "", b"%d" % row.seq
