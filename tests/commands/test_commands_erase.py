"""Whoever is forgotten is logged out first, however busy their clients are meanwhile."""

from typing import Any

import pytest
import trio
from trio.testing import MockClock

from commands.erase import call_patiently, end_logins
from loadtest.accounts import ApiError

TOO_MANY = ApiError(429, "Too many requests.", retry_after=3.0)
ENDED = ApiError(401, "This login has ended.")
CRASHED = ApiError(500, "reference")


class FakeApi:
    """Answers with these, one after the other; None: done."""

    def __init__(self, *answers: ApiError | None) -> None:
        self.answers, self.calls = list(answers), list[tuple[Any, ...]]()

    async def call(self, method: str, path: str, **fields: Any) -> str:
        self.calls.append((method, path, fields))
        answer = self.answers.pop(0)
        if answer is not None:
            raise answer
        return "answer"


async def test_who_uses_all_their_calls_up_is_logged_out_all_the_same(
    autojump_clock: MockClock,
) -> None:
    api = FakeApi(TOO_MANY, ApiError(504, "Try again."), None, ENDED, None)
    begun = trio.current_time()
    await end_logins(api, ["first", "second", "third"])
    assert [fields["token"] for _, _, fields in api.calls] == [
        *["first"] * 3, "second", "third",
    ]  # fmt: skip
    assert trio.current_time() - begun == pytest.approx(3.0 + 1.0)


async def test_what_is_refused_for_good_ends_the_command(autojump_clock: MockClock) -> None:
    for refusal in (CRASHED, ApiError(404, "There is none.")):
        with pytest.raises(ApiError):
            await call_patiently(FakeApi(refusal), "GET", "/personas")
    with pytest.raises(ApiError):
        await end_logins(FakeApi(CRASHED), ["first"])
