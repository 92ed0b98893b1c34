"""A batch of appends as the columns of its statements."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

from core.ports.message_log import Append, LogRow, MembershipChange, PersonaChange, Redaction
from storage.months import Month
from storage.postgres.binary import (
    BYTEA,
    INT2,
    INT4,
    INT8,
    bigint,
    integers,
    strings,
    texts,
    uuids,
)
from storage.sharding import shard_of

Columns = list[list[Any]]


@dataclass(frozen=True, slots=True)
class LeafRows:
    """The rows of a batch that go into one leaf. `owners`: the append of each, by place."""

    month: Month
    owners: list[int]
    columns: Columns


def rows_by_leaf(appends: Sequence[Append]) -> Iterator[LeafRows]:
    """In the order of the months; nearly always one. Raises `ValueError` for an impossible time."""
    rows = [(Month.of(row.sent_at), i, a, row) for i, a in enumerate(appends) for row in a.rows]
    if any(row[0] != rows[0][0] for row in rows):
        rows.sort(key=lambda row: row[0])
    for month, group in groupby(rows, key=lambda row: row[0]):
        members = list(group)
        yield LeafRows(
            month,
            [owner for _, owner, _, _ in members],
            _columns([_values(a, row) for _, _, a, row in members]),
        )


def _values(append: Append, row: LogRow) -> tuple[object, ...]:
    return (
        append.tenant_id,
        append.room_id,
        row.seq,
        row.sent_at,
        row.kind.value,
        row.sender_id,
        row.client_id,
        row.message_id,
        row.target_seq,
        row.body,
        shard_of(append.room_id),
        append.fence,
    )


def binary(arguments: Sequence[Any]) -> list[bytes]:
    """The insert's arguments: a leaf's columns, shards, fences and how many rows. Raises `ValueError`,
    `TypeError`, `AttributeError` or `struct.error` for values that are none of their type."""
    tenants, rooms, seqs, times, kinds, senders, clients, messages, targets, bodies, *rest = (
        arguments
    )
    row_shards, row_fences, shards, fences, count = rest
    return [
        integers(INT4, tenants),
        uuids(rooms),
        integers(INT8, seqs),
        integers(INT8, times),
        integers(INT2, kinds),
        texts(senders),
        uuids(clients),
        uuids(messages),
        integers(INT8, targets),
        strings(BYTEA, bodies),
        integers(INT4, row_shards),
        integers(INT8, row_fences),
        integers(INT4, shards),
        integers(INT8, fences),
        bigint(count),
    ]


def fences(appends: Sequence[Append]) -> Columns:
    """Distinct (shard, fence) pairs."""
    pairs = sorted({(shard_of(append.room_id), append.fence) for append in appends})
    return [[shard for shard, _ in pairs], [fence for _, fence in pairs]]


def memberships(appends: Sequence[Append]) -> tuple[Columns, Columns]:
    """(as they stand, as they ended); the last change of each member counts."""
    last: dict[tuple[int, str, str], MembershipChange] = {
        (append.tenant_id, append.room_id, change.user_id): change
        for append in appends
        for change in append.memberships
    }
    standing = [
        (*key, change.role, change.state, change.from_seq)
        for key, change in last.items()
        if change.state is not None
    ]
    ended = [key for key, change in last.items() if change.state is None]
    return _columns(standing), _columns(ended)


def personas(appends: Sequence[Append]) -> tuple[Columns, Columns]:
    """(those that sit, those that left); the last change of each persona counts."""
    last: dict[tuple[int, str, str], PersonaChange] = {
        (append.tenant_id, append.room_id, change.persona_id): change
        for append in appends
        for change in append.personas
    }
    seated = [
        (*key, change.owner_id, change.name, change.from_seq)
        for key, change in last.items()
        if change.from_seq is not None
    ]
    unseated = [key for key, change in last.items() if change.from_seq is None]
    return _columns(seated), _columns(unseated)


def patches(appends: Sequence[Append]) -> Columns:
    """(tenant, room, title, settings, had personas), one per room; None leaves a value as it is."""
    merged: dict[tuple[int, str], tuple[str | None, bytes | None, bool]] = {}
    for append in appends:
        if append.patch is not None:
            key, new = (append.tenant_id, append.room_id), append.patch
            title, settings, had_personas = merged.get(key, (None, None, False))
            merged[key] = (
                title if new.title is None else new.title,
                settings if new.settings is None else new.settings,
                had_personas or new.had_personas,
            )
    return _columns([(*key, *values) for key, values in merged.items()])


def redactions(appends: Sequence[Append]) -> Columns:
    """(tenant, room, seq, sent_at, body); the last one of each row counts."""
    last: dict[tuple[int, str, int], Redaction] = {
        (append.tenant_id, append.room_id, redaction.seq): redaction
        for append in appends
        for redaction in append.redactions
    }
    return _columns([(*key, one.sent_at, one.body) for key, one in last.items()])


def _columns(rows: Sequence[tuple[object, ...]]) -> Columns:
    return [list(column) for column in zip(*rows, strict=True)]
