"""What time it is at a payment provider that is played: Stripe's test clocks.

`GET /v1/test_helpers/test_clocks`, https://docs.stripe.com/api/test_clocks. In test mode only; a test
clock's `frozen_time` is in whole seconds, and stands for good once its `status` is `ready`.
"""

from typing import Final

import httpx
import msgspec

ANSWER_WITHIN: Final = 5.0
MAX_ANSWER_BYTES: Final = 65_536
_PATH: Final = "/v1/test_helpers/test_clocks"


class _TestClock(msgspec.Struct):
    frozen_time: int
    status: str


class _TestClocks(msgspec.Struct):
    data: list[_TestClock]


_CLOCKS: Final = msgspec.json.Decoder(_TestClocks)


async def played_ms(client: httpx.AsyncClient, url: str, key: str) -> int | None:
    """The time of the clock that is furthest, in milliseconds; None when none stands. Raises
    `httpx.HTTPError`, or `ValueError` for an answer that is none."""
    answer = await client.get(
        f"{url}{_PATH}", headers={"Authorization": f"Bearer {key}"}, timeout=ANSWER_WITHIN
    )
    answer.raise_for_status()
    if len(answer.content) > MAX_ANSWER_BYTES:
        raise ValueError("an answer longer than any list of test clocks")
    ready = [clock.frozen_time for clock in _CLOCKS.decode(answer.content).data if _is_ready(clock)]
    return max(ready) * 1_000 if ready else None


def _is_ready(clock: _TestClock) -> bool:
    """One that advances is still at what is due in between: ours would overtake it."""
    return clock.status == "ready"
