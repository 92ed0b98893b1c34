"""What is kept of a crash, so that it can be replayed offline; and where it is kept."""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from msgspec import Struct

VERSION: Final = 1
"""Of the record's form. A record of another version is not replayed."""

MAX_ENVELOPES: Final = 8


class RecordedPrincipal(Struct, frozen=True, kw_only=True):
    """On whose behalf an envelope came: ids and role; the names are redacted."""

    tenant_id: int
    user_id: str
    login_id: str
    role: str
    locale: str
    expires_at: int
    name: str
    handle: str


class RecordedEnvelope(Struct, frozen=True, kw_only=True):
    """One envelope that the actor took.

    `type`: the message's module and name. `fields`: redacted, under their names on the wire; None
    for what is no struct. `was_asked`: somebody waited.
    `connection`: the client's number, equal for those of one connection.
    """

    type: str
    fields: dict[str, Any] | None
    lane: int
    was_asked: bool
    principal: RecordedPrincipal | None = None
    connection: int | None = None


class CrashRecord(Struct, frozen=True, kw_only=True):
    """One crash. No message text and no secret is in it.

    `at`: ms since the epoch. `place`: the innermost frame of our own code, as
    `path:line function` below the project's root. `envelopes`: the last ones, the crashing one last
    when it was a turn that crashed; `left_out`: how many older ones did not fit. `state`: the
    actor's `redacted_state`.
    """

    version: int
    reference: str
    kind: str
    key: str
    at: int
    error: str
    causes: list[str]
    place: str
    frames: list[str]
    envelopes: list[RecordedEnvelope]
    state: Any = None
    left_out: int = 0


class CrashRecords(Protocol):
    """Keeps the newest records. Bounded; never blocks, never raises: a crash is trouble enough."""

    def may_keep(self) -> bool:
        """Ask before a record is made. False: it would be dropped, and is counted as that."""

    def keep_nowait(self, record: CrashRecord) -> None:
        """Keep it; dropped and counted when too many wait to be written."""

    def statistics(self) -> Mapping[str, int | float]: ...
