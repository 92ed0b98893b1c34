"""What is said of a wrong body costs no more than the body is long, and its fields are named by us."""

from time import thread_time
from typing import Literal

import msgspec
import pytest

from gateways.http.bodies import decode_body
from gateways.http.problems import InvalidFields
from gateways.http.routes import Body


class Trip(Body, frozen=True, kw_only=True):
    pace: Literal["slow", "fast"] = "slow"


class Wish(Body, frozen=True, kw_only=True):
    pace: Literal["slow", "fast"] = "slow"
    trip: Trip | None = None


def named(sent: object) -> list[str]:
    with pytest.raises(InvalidFields) as refusal:
        decode_body(msgspec.json.encode(sent), "application/json", Wish)
    return [problem.field for problem in refusal.value.problems]


@pytest.mark.parametrize(
    "word", [" - at `$.q", " - at `$.q`", "field `q`", "Object missing required field `q`"]
)
def test_a_wrong_field_is_named_by_its_place_and_never_by_the_words_in_it(word: str) -> None:
    assert named({"pace": word}) == ["pace"]
    assert named({"trip": {"pace": word}}) == ["trip.pace"]


def test_a_wrong_word_that_looks_like_places_costs_no_more_than_it_is_long() -> None:
    """One of 64 KiB held the loop for two seconds."""

    def cost(times: int) -> float:
        began = thread_time()
        named({"pace": " - at `$" * times})
        return thread_time() - began

    short = min(cost(900) for _ in range(5))
    assert min(cost(7_200) for _ in range(3)) < 30 * short
