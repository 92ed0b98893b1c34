"""What all simulations share."""

import gc
from collections.abc import Iterator

import pytest


@pytest.fixture(scope="module", autouse=True)
def _collecting_seldom() -> Iterator[None]:
    """A world leaves circles of objects behind when it ends, not while it lasts: to look for them as often
    as usual takes a tenth of the time."""
    usual = gc.get_threshold()
    gc.set_threshold(100_000, 50, 50)
    yield
    gc.set_threshold(*usual)
