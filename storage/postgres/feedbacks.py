"""The `Feedbacks` port over the tables persona_feedback and persona_taste."""

import json
from collections.abc import Sequence
from contextlib import suppress
from typing import Any, Final

import asyncpg

from core.ids import is_uuid
from core.ports.personas import Feedback
from storage.postgres.pool import Connection, Database

_SET: Final = """
INSERT INTO persona_feedback (tenant_id, user_id, message_id, kind, item_id, persona_id, given_at,
                              value, reason, features, tower)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
ON CONFLICT (tenant_id, user_id, message_id, kind, item_id) DO UPDATE
   SET persona_id = excluded.persona_id, given_at = excluded.given_at, value = excluded.value,
       reason = excluded.reason, features = excluded.features, tower = excluded.tower"""

_TAKE_BACK: Final = """
DELETE FROM persona_feedback
 WHERE tenant_id = $1 AND user_id = $2 AND message_id = $3 AND kind = $4 AND item_id = $5"""

_LATEST: Final = """
SELECT user_id, persona_id, message_id, item_id, value, reason, kind, given_at AS at, features, tower
  FROM persona_feedback WHERE tenant_id = $1 AND persona_id = $2 AND user_id = $3
 ORDER BY given_at DESC, message_id DESC, item_id DESC, kind DESC LIMIT $4"""

_OF_ALL: Final = """
SELECT user_id, persona_id, message_id, item_id, value, reason, kind, given_at AS at, features, tower
  FROM persona_feedback
 WHERE tenant_id = $1 AND item_id <> '' AND given_at <= $2
   AND (given_at, message_id, item_id, kind, user_id) < ($2, $3, $4, $5, $6)
 ORDER BY given_at DESC, message_id DESC, item_id DESC, kind DESC, user_id DESC LIMIT $7"""

_LOAD: Final = """
SELECT learning_model FROM persona_taste
 WHERE tenant_id = $1 AND persona_id = $2 AND user_id = $3"""

_SAVE: Final = """
INSERT INTO persona_taste (tenant_id, persona_id, user_id, learning_model) VALUES ($1, $2, $3, $4)
ON CONFLICT (tenant_id, persona_id, user_id)
DO UPDATE SET learning_model = excluded.learning_model"""


_LAST_ID: Final = "ffffffff-ffff-ffff-ffff-ffffffffffff"
END: Final = (2**63 - 1, _LAST_ID, "", "", _LAST_ID)
"""After the newest of all."""


class PostgresFeedbacks:
    """Feedback and tastes as rows; each method is one statement. A foreign key keeps what would
    outlive its persona from being written. Housekeeping removes what is too old."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def set(self, tenant_id: int, feedback: Feedback) -> None:
        key = (
            tenant_id,
            feedback.user_id,
            feedback.message_id,
            feedback.kind,
            feedback.item_id or "",
        )
        if not feedback.value:
            await self._database.call(_execute, _TAKE_BACK, key)
            return
        values = (
            feedback.persona_id,
            feedback.at,
            feedback.value,
            feedback.reason,
            list(feedback.features),
            feedback.tower,
        )
        with suppress(asyncpg.ForeignKeyViolationError):
            await self._database.call(_execute, _SET, (*key, *values))

    async def latest(
        self, tenant_id: int, user_id: str, persona_id: str, *, limit: int = 200
    ) -> Sequence[Feedback]:
        if not (is_uuid(user_id) and is_uuid(persona_id)):
            return []
        rows = await self._database.call(_fetch, _LATEST, tenant_id, persona_id, user_id, limit)
        return [_feedback(row) for row in rows]

    async def of_all(
        self, tenant_id: int, *, before: Feedback | None, limit: int
    ) -> Sequence[Feedback]:
        after = END if before is None else _place(before)
        rows = await self._database.call(_fetch, _OF_ALL, tenant_id, *after, limit)
        return [_feedback(row) for row in rows]

    async def load_taste(
        self, tenant_id: int, user_id: str, persona_id: str
    ) -> dict[str, Any] | None:
        if not (is_uuid(user_id) and is_uuid(persona_id)):
            return None
        rows = await self._database.call(_fetch, _LOAD, tenant_id, persona_id, user_id)
        return json.loads(rows[0]["learning_model"]) if rows else None

    async def save_taste(
        self, tenant_id: int, user_id: str, persona_id: str, model: dict[str, Any]
    ) -> None:
        row = tenant_id, persona_id, user_id, json.dumps(model, allow_nan=False)
        with suppress(asyncpg.ForeignKeyViolationError):
            await self._database.call(_execute, _SAVE, row)


def _place(feedback: Feedback) -> tuple[int, str, str, str, str]:
    item_id = feedback.item_id or ""
    return feedback.at, feedback.message_id, item_id, feedback.kind, feedback.user_id


def _feedback(row: asyncpg.Record) -> Feedback:
    features = tuple(row["features"])
    return Feedback(**{**row, "item_id": row["item_id"] or None, "features": features})


async def _execute(connection: Connection, sql: str, row: Sequence[Any]) -> None:
    await connection.execute(sql, *row)


async def _fetch(connection: Connection, sql: str, *values: Any) -> list[asyncpg.Record]:
    return await connection.fetch(sql, *values)
