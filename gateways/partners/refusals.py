"""What suppliers' refusals are to our own callers, the same for each of them."""

from core.errors import Rejected


def wrong_query() -> Rejected:
    """The supplier finds the search itself wrong: a place that nobody flies to, a day in the past, a
    party that is too large."""
    return Rejected(
        "bad_request", "Nobody sells that. Please check the places, the days and the travellers."
    )
