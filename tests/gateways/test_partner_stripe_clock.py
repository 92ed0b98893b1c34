"""The time of a payment provider that is played, from its test clocks."""

import httpx
import pytest

from gateways.partners.stripe_clock import played_ms

KEY = "sk_test_sandbox"


def answering(status: int, **body: object) -> httpx.AsyncClient:
    def answer(request: httpx.Request) -> httpx.Response:
        assert (request.method, request.url.path) == ("GET", "/v1/test_helpers/test_clocks")
        assert request.headers["authorization"] == f"Bearer {KEY}"
        return httpx.Response(status, json=body)

    return httpx.AsyncClient(transport=httpx.MockTransport(answer))


def clock(frozen_time: int, status: str = "ready") -> dict[str, object]:
    return {
        "id": "clock_1",
        "object": "test_helpers.test_clock",
        "created": 1,
        "frozen_time": frozen_time,
        "livemode": False,
        "status": status,
    }


async def ask(client: httpx.AsyncClient) -> int | None:
    async with client:
        return await played_ms(client, "http://127.0.0.1:1", KEY)


async def test_the_clock_says_the_time_in_milliseconds() -> None:
    assert await ask(answering(200, data=[clock(1_800_000_000)])) == 1_800_000_000_000


async def test_a_clock_that_is_at_what_became_due_is_not_asked_for_the_time() -> None:
    assert await ask(answering(200, data=[clock(9, "advancing"), clock(7)])) == 7_000
    assert await ask(answering(200, data=[])) is None


async def test_what_is_no_answer_is_an_error() -> None:
    with pytest.raises(httpx.HTTPStatusError):
        await ask(answering(401, error={}))
    with pytest.raises(ValueError, match="data"):
        await ask(answering(200, other=1))
