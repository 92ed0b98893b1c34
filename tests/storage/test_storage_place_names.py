"""Names folded, cut into pieces and ranked; what the pieces leave out could not have been ranked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol.travel import GeoPoint
from storage.catalogue_queries import Box, boxes_around
from storage.place_names import (
    BEGINS,
    EXACT,
    MISSPELT,
    WORDS,
    fold,
    folded_names,
    pieces_of,
    rank,
    wanted,
    wanted_loosely,
)


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("Saint-Étienne", "saint etienne"),
        ("  São   Paulo ", "sao paulo"),
        ("Łódź", "lodz"),
        ("Tromsø", "tromso"),
        ("Straße", "strasse"),
        ("İstanbul", "istanbul"),
        ("Diyarbakır", "diyarbakir"),
        ("Xi’an", "xian"),
        ("L'Aquila", "laquila"),
        ("الإسكندرية", "الاسكندريه"),
        ("القَاهِرَة", "القاهره"),
        ("Αθήνα", "αθηνα"),
        ("서울", "서울"),
        ("--", ""),
    ],
)
def test_accents_case_and_signs_do_not_count(name: str, folded: str) -> None:
    assert fold(name) == folded
    assert fold(folded) == folded


@pytest.mark.parametrize(
    ("query", "name", "found"),
    [
        ("new york", "new york", (EXACT, 0)),
        ("new y", "new york city", (BEGINS, 0)),
        ("york new", "new york city", (WORDS, 0)),
        ("barclona", "barcelona", (MISSPELT, 1)),
        ("brclona", "barcelona", None),
        ("barcleona", "barcelona", (MISSPELT, 1)),
        ("barzelonna", "barcelona", (MISSPELT, 2)),
        ("ryo", "rio", None),
        ("romme", "rome", (MISSPELT, 1)),
        ("new new", "new york", None),
    ],
)
def test_a_name_is_ranked(query: str, name: str, found: tuple[int, int] | None) -> None:
    assert rank(query, [name], loosely=True) == found
    strictly = found if found and found[0] != MISSPELT else None
    assert rank(query, [name]) == strictly


def test_the_best_name_counts() -> None:
    assert rank("lis", ["lisbon", "lis"]) == (EXACT, 0)
    assert rank("lis", []) is None


WORD = st.text(alphabet="abcde", min_size=1, max_size=9)
NAMES = st.lists(st.lists(WORD, min_size=1, max_size=3).map(" ".join), min_size=1, max_size=3)


@given(NAMES, st.data())
def test_who_is_ranked_has_the_pieces(names: list[str], data: st.DataObject) -> None:
    query = _disturbed(data.draw(st.sampled_from(names)), data)
    pieces = pieces_of(names)
    if rank(query, names) is not None:
        assert all(word <= pieces for word in wanted(query))
    if rank(query, names, loosely=True) is not None:
        assert all(any(part <= pieces for part in parts) for parts in wanted_loosely(query))


def _disturbed(name: str, data: st.DataObject) -> str:
    letters = list(name)
    for _ in range(data.draw(st.integers(0, 2))):
        at = data.draw(st.integers(0, len(letters) - 1))
        letters[at : at + data.draw(st.integers(0, 1))] = data.draw(st.text("abcde ", max_size=1))
        if not letters:
            return "a"
    return fold("".join(letters)) or "a"


def test_names_are_folded_once_each() -> None:
    assert folded_names(["Köln", "Koln", "KÖLN", "Cologne", "-"]) == ["koln", "cologne"]


def test_a_box_reaches_as_far_as_asked() -> None:
    (box,) = boxes_around(GeoPoint(latitude=0, longitude=10), 111.195)
    assert box == Box(
        pytest.approx(-1, abs=1e-3),  # type: ignore[arg-type]
        pytest.approx(9, abs=1e-3),  # type: ignore[arg-type]
        pytest.approx(1, abs=1e-3),  # type: ignore[arg-type]
        pytest.approx(11, abs=1e-3),  # type: ignore[arg-type]
    )


@given(
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(-90, 90),
    st.floats(-180, 180),
    st.floats(1, 20_100),
)
def test_what_is_near_is_in_a_box(
    lat: float, lon: float, other_lat: float, other_lon: float, km: float
) -> None:
    at, other = (
        GeoPoint(latitude=lat, longitude=lon),
        GeoPoint(latitude=other_lat, longitude=other_lon),
    )
    boxes = boxes_around(at, km)
    assert 1 <= len(boxes) <= 2
    if at.km_to(other) < km - 1e-6:
        assert any(
            box.south <= other_lat <= box.north and box.west <= other_lon <= box.east
            for box in boxes
        )
