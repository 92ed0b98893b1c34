"""Who comes along as well, or does not after all."""

from typing import Any

import pytest
from dialogue_world import FEBRUARY, LISBON, Talk, hotel, reading

from actors.persona.company import NOBODY, Company, company
from actors.persona.errands import Defaults
from actors.persona.hints import folded
from protocol.travel import Party
from protocol.understanding import PartySaid, Slots


def for_two(**party: Any) -> Talk:
    talk = Talk(items=(hotel(1), hotel(2), hotel(3)))
    said = PartySaid(**{"adults": 2} | party)
    talk.hears(reading("search_hotel", slots=Slots(destination=LISBON, dates=FEBRUARY, party=said)))
    return talk


@pytest.mark.parametrize(
    ("text", "adults"),
    [
        ("my sister is coming too", 3),
        ("and her husband", 3),
        ("grandma is joining us", 3),
        ("my mum's coming as well", 3),
        ("my sister will join us", 3),
        ("can you add one more person", 3),
        ("one more adult", 3),
        ("2 friends are coming too", 4),
        ("my parents are joining", 4),
        ("my brother and his wife are coming too", 4),
        ("my sister isn't coming after all", 1),
        ("meine Schwester kommt auch mit", 3),
        ("und meine Mutter auch", 3),
        ("noch eine Person", 3),
        ("meine Oma kommt doch nicht mit", 1),
        ("viene también mi hermana", 3),
        ("una persona más", 3),
        ("mi hermana no viene", 1),
        ("ma sœur vient aussi", 3),
        ("encore une personne", 3),
        ("ma mère ne vient pas", 1),
    ],
)
@pytest.mark.parametrize("said", [None, PartySaid(adults=2)])
@pytest.mark.parametrize("confidence", [0.3, 0.9])
def test_one_more_is_one_more_than_before(
    text: str, adults: int, said: PartySaid | None, confidence: float
) -> None:
    talk = for_two()
    talk.hears(reading("refine", confidence, slots=Slots(party=said)), text)
    assert talk.errand.party.adults == adults


def test_each_of_them_comes_beside_the_last() -> None:
    talk = for_two(children=1, ages=(4,))
    talk.hears(reading("refine"), "my sister is coming too")
    talk.hears(reading("refine", slots=Slots(party=PartySaid(adults=2))), "and her husband")
    assert talk.errand.party == Party(adults=4, children_ages=(4,), rooms=2)
    talk.hears(reading("refine"), "and her daughter")
    assert talk.errand.party.children_ages == (4, 8)
    assert talk.errand.asks_ages
    talk.hears(reading("refine"), "my son isn't coming")
    assert len(talk.errand.party.children_ages) == 1


def test_of_whom_nobody_spoke_there_is_one() -> None:
    talk = Talk()
    talk.hears(reading("search_hotel", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    talk.hears(reading("refine"), "my sister is coming too")
    assert talk.errand.party.adults == 2
    talk = Talk(defaults=Defaults(party=PartySaid(adults=2)))
    talk.hears(reading("search_hotel", slots=Slots(destination=LISBON, dates=FEBRUARY)))
    talk.hears(reading("refine"), "my sister is coming too")
    assert talk.errand.party.adults == 3


def test_one_adult_stays() -> None:
    talk = for_two()
    for text in ("my wife isn't coming", "my mum isn't coming", "my dad isn't coming"):
        talk.hears(reading("refine"), text)
        assert talk.errand.party.adults == 1


@pytest.mark.parametrize(
    "text",
    [
        "me and my sister",
        "we are three, my sister is coming too",
        "my sister and me are coming too",
        "my friend says it's coming in may",
        "a friend told me it is nice",
        "and one adult",
        "and a beach",
        "a hotel too",
        "does my son pay too?",
        "is the airport bus coming too late",
        "two people",
    ],
)
def test_who_travels_is_said_in_other_words(text: str) -> None:
    assert company(folded(text)) == NOBODY


def test_nothing_is_sought_in_a_long_text() -> None:
    assert company("my sister is coming too") == Company(1)
    assert company(f"{'my ' * 1_000}sister is coming too") == NOBODY
