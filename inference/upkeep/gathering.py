"""What people said and saw, read a page at a time, of those who share it."""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from typing import Final, TypeVar

import numpy as np
import trio

from core.ports.personas import Feedback, Feedbacks, Runs, ShownTo
from core.ports.repositories import Users
from inference.recommender.schema import FEATURES
from inference.recommender.taste import Floats
from inference.recommender.voices import Voices, voices_of

PAGE: Final = 250
REST: Final = 0.02
"""Seconds between two pages, for whoever else waits for the database."""

MOST_READ: Final = 60_000
MOST_USED: Final = 20_000
"""Rows of each kind: read at all, and of people who share them."""

T = TypeVar("T", Feedback, ShownTo)


class Gathering:
    """Borrows: the stores."""

    def __init__(self, feedbacks: Feedbacks, runs: Runs, users: Users, *, tenant_id: int) -> None:
        self._feedbacks, self._runs, self._users = feedbacks, runs, users
        self._tenant_id = tenant_id

    async def voices(self) -> Voices:
        """The newest judgements of people who let others be recommended by them."""

        async def page(before: Feedback | None) -> Sequence[Feedback]:
            return await self._feedbacks.of_all(self._tenant_id, before=before, limit=PAGE)

        return voices_of(await self._shared(page, lambda row: row.user_id))

    async def shown(self) -> Floats:
        """[rows, features] of what such people were shown last."""

        async def page(before: ShownTo | None) -> Sequence[ShownTo]:
            return await self._runs.shown_to_all(self._tenant_id, before=before, limit=PAGE)

        rows = await self._shared(page, lambda row: row.asker_id)
        features = [row.shown.features for row in rows if len(row.shown.features) == len(FEATURES)]
        return np.array(features, np.float64).reshape(len(features), len(FEATURES))

    async def _shared(
        self, page: Callable[[T | None], Awaitable[Sequence[T]]], whose: Callable[[T], str]
    ) -> list[T]:
        kept: list[T] = []
        last: T | None = None
        read = 0
        while read < MOST_READ and len(kept) < MOST_USED:
            rows = await page(last)
            if not rows:
                break
            sharing = await self._sharing(whose(row) for row in rows)
            kept += [row for row in rows if whose(row) in sharing]
            last, read = rows[-1], read + len(rows)
            await trio.sleep(REST)
        return kept[:MOST_USED]

    async def _sharing(self, user_ids: Iterable[str]) -> set[str]:
        """Those who said so; whoever said nothing did not."""
        users = await self._users.many(self._tenant_id, sorted(set(user_ids)))
        return {
            user_id
            for user_id, user in users.items()
            if user.preferences.get("shareFeedback") is True
        }
