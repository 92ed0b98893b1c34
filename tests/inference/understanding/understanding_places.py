"""The gazetteer of the shipped catalogue, built once for all tests."""

from functools import cache

from inference.understanding.gazetteer import Gazetteer
from storage.catalogue_file import PLACES, entries


@cache
def gazetteer() -> Gazetteer:
    return Gazetteer(entries(PLACES.read_bytes()))
