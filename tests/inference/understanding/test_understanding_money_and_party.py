"""How much and who, in four languages."""

from datetime import date
from time import thread_time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from inference.understanding import ages
from inference.understanding.dates import dates_in
from inference.understanding.folding import fold
from inference.understanding.money import budget_in
from inference.understanding.party import party_in
from protocol.understanding import Budget, Language, PartySaid


def read(
    text: str, language: Language = "en", *, asked: str | None = None
) -> tuple[Budget | None, PartySaid | None]:
    folded = fold(text)
    _, taken = dates_in(folded, today=date(2026, 11, 24), language=language)
    budget, money = budget_in(folded, taken, asked=asked == "budget")
    return budget, party_in(folded, taken + money, language=language, asked=asked == "party")


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("en", "hotel under 150 a night", Budget(amount=150, per="night")),
        ("en", "€1,200 pp", Budget(amount=1200, currency="EUR", per="person")),
        ("en", "max 900 altogether", Budget(amount=900, per="total")),
        ("en", "we got 1.5k budget", Budget(amount=1500)),
        ("en", "500 quid each", Budget(amount=500, currency="GBP", per="person")),
        ("en", "up to $80 per night", Budget(amount=80, currency="USD", per="night")),
        ("en", "2 grand for all of us", Budget(amount=2000, per="total")),
        ("en", "800 euros for both of us", Budget(amount=800, currency="EUR", per="total")),
        ("en", "anything below three hundred", Budget(amount=300)),
        ("de", "unter 80 Euro pro Nacht", Budget(amount=80, currency="EUR", per="night")),
        ("de", "höchstens 1.000 Franken", Budget(amount=1000, currency="CHF")),
        ("de", "300 pro Nase", Budget(amount=300, per="person")),
        ("de", "unter 150 € die Nacht", Budget(amount=150, currency="EUR", per="night")),
        ("de", "nicht über 90 die Nacht", Budget(amount=90, per="night")),
        ("de", "so bis 700 zusammen", Budget(amount=700, per="total")),
        ("de", "max. 120 Euro/Nacht", Budget(amount=120, currency="EUR", per="night")),
        ("de", "150 Euro pro Nacht maximal", Budget(amount=150, currency="EUR", per="night")),
        ("de", "Obergrenze 600", Budget(amount=600)),
        ("fr", "pas plus de 900 balles", Budget(amount=900)),
        ("fr", "max 80 euros la nuit", Budget(amount=80, currency="EUR", per="night")),
        ("fr", "80 balles la nuit grand max", Budget(amount=80, per="night")),
        ("fr", "en dessous de 120 la nuit", Budget(amount=120, per="night")),
        ("fr", "on a 1 500 € à deux", Budget(amount=1500, currency="EUR")),
        ("fr", "300 par tête", Budget(amount=300, per="person")),
        ("fr", "au plus 70€/nuit", Budget(amount=70, currency="EUR", per="night")),
        ("es", "menos de 100 la noche", Budget(amount=100, per="night")),
        ("es", "tenemos mil euros en total", Budget(amount=1000, currency="EUR", per="total")),
        ("fr", "300€ par personne", Budget(amount=300, currency="EUR", per="person")),
        ("fr", "pas plus de 90 la nuit", Budget(amount=90, per="night")),
        ("en", "max 100 pppn", Budget(amount=100, per="person_night")),
        ("en", "up to 80 per person per night", Budget(amount=80, per="person_night")),
        ("de", "bis 90 pro Person und Nacht", Budget(amount=90, per="person_night")),
        ("es", "máximo 70 por persona y noche", Budget(amount=70, per="person_night")),
        ("fr", "max 60 par personne et par nuit", Budget(amount=60, per="person_night")),
    ],
)
def test_a_budget(language: Language, text: str, right: Budget) -> None:
    assert read(text, language)[0] == right


@pytest.mark.parametrize(
    "text", ["for 4 nights", "about 3 hours", "under 5 stops", "20 people", "cheap pls", "in 2027"]
)
def test_what_is_no_budget(text: str) -> None:
    assert read(text)[0] is None


def test_a_bare_number_is_a_budget_only_when_that_was_asked() -> None:
    assert read("600")[0] is None
    assert read("600", asked="budget")[0] == Budget(amount=600)
    assert read("600 i guess", asked="budget")[0] == Budget(amount=600)


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("en", "for 2 adults and a kid", PartySaid(adults=2, children=1)),
        ("en", "me and my wife", PartySaid(adults=2)),
        ("en", "my 2 kids and i", PartySaid(adults=1, children=2)),
        ("en", "w my 3 kids", PartySaid(children=3)),
        ("en", "just me", PartySaid(adults=1)),
        ("en", "four of us", PartySaid(adults=4)),
        ("en", "me and my sister and our parents", PartySaid(adults=4)),
        ("en", "2 adults, 2 kids and a baby", PartySaid(adults=2, children=3)),
        ("en", "me n hubby and the baby", PartySaid(adults=2, children=1)),
        ("en", "me and 3 friends", PartySaid(adults=4)),
        ("en", "and if we are only 4?", PartySaid(adults=4)),
        ("en", "we're actually five now", PartySaid(adults=5)),
        ("en", "without the kids after all", PartySaid(children=0)),
        ("en", "just the 2 of us, no kids", PartySaid(adults=2)),
        ("de", "wir sind jetzt nur noch 3", PartySaid(adults=3)),
        ("de", "doch ohne die Kinder", PartySaid(children=0)),
        ("es", "al final somos solo 3", PartySaid(adults=3)),
        ("es", "sin los niños", PartySaid(children=0)),
        ("fr", "finalement on est plus que 3", PartySaid(adults=3)),
        ("fr", "sans les enfants", PartySaid(children=0)),
        ("en", "hi! we are a family of 5, kids are 3 7 and 10", PartySaid(adults=2, children=3)),
        ("en", "family of four, kids 4 and 9", PartySaid(adults=2, children=2)),
        ("en", "we're a family of five", PartySaid(adults=5)),
        ("en", "2 adults, kids 4 and 7", PartySaid(adults=2, children=2)),
        ("en", "with my 8yo and 11yo", PartySaid(children=2)),
        ("de", "zu dritt", PartySaid(adults=3)),
        ("de", "meine Eltern und ich", PartySaid(adults=3)),
        ("fr", "ma femme moi et la ptite", PartySaid(adults=2, children=1)),
        ("de", "ich und meine Frau", PartySaid(adults=2)),
        ("de", "2 Erwachsene, ein Kind", PartySaid(adults=2, children=1)),
        ("de", "wir 2 + Baby", PartySaid(adults=2, children=1)),
        ("es", "somos cuatro", PartySaid(adults=4)),
        ("es", "mi novia y yo", PartySaid(adults=2)),
        ("es", "dos adultos y un bebé", PartySaid(adults=2, children=1)),
        ("fr", "on est 4", PartySaid(adults=4)),
        ("fr", "ma copine et moi", PartySaid(adults=2)),
        ("fr", "5 personnes dont 2 enfants", PartySaid(adults=3, children=2)),
    ],
)
def test_a_party(language: Language, text: str, right: PartySaid) -> None:
    party = read(text, language)[1]
    assert party is not None
    assert replace(party, ages=()) == right


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("en", "2 adults and 2 kids aged 4 and 7", PartySaid(adults=2, children=2, ages=(4, 7))),
        ("en", "me and my 2 kids (5 and 9)", PartySaid(adults=1, children=2, ages=(5, 9))),
        ("en", "family of five, kids 3 7 and 10", PartySaid(adults=2, children=3, ages=(3, 7, 10))),
        ("en", "we have a baby and a 3 year old", PartySaid(children=2, ages=(0, 3))),
        ("en", "me and my 14 month old", PartySaid(adults=1, children=1, ages=(1,))),
        ("en", "they are 4 and 7", PartySaid(children=2, ages=(4, 7))),
        ("en", "they are 4 and 7 nights", None),
        ("en", "2 kids, 4 nights", PartySaid(children=2)),
        ("de", "die Kinder sind 4 und 7", PartySaid(children=2, ages=(4, 7))),
        ("de", "2 Kinder, 3. bis 7. Mai", PartySaid(children=2)),
        ("de", "mit meinem 5-jährigen Sohn", PartySaid(children=1, ages=(5,))),
        ("es", "2 niños de 4 y 7 años", PartySaid(children=2, ages=(4, 7))),
        ("fr", "avec ma fille de 6 ans", PartySaid(children=1, ages=(6,))),
    ],
)
def test_how_old_children_are(language: Language, text: str, right: PartySaid | None) -> None:
    assert read(text, language)[1] == right


@pytest.mark.parametrize(
    "text",
    [
        "for 3 nights",
        "kids club please",
        "a couple of days",
        "is it good for a 19 year old",
        "my sister says hi",
        "as a kid i loved it",
        "let me ask my wife",
        "two tickets",
    ],
)
def test_what_is_no_party(text: str) -> None:
    assert read(text)[1] is None


def test_of_a_list_of_numbers_no_more_are_ages_than_there_may_be_children() -> None:
    """Each of them is gone through from each of them on: a thousand took twenty milliseconds."""
    many = "1 " * 300 + "years old"
    assert [len(match[0].split()) for match in ages._OF_YEARS.finditer(many)] == [ages.MOST + 2]


def test_for_is_known_as_people_shorten_it() -> None:
    assert read("pa dos", "es")[1] == PartySaid(adults=2)
    assert read("pr 2", "fr")[1] == PartySaid(adults=2)


def test_a_small_breakfast_is_no_child() -> None:
    assert read("avec petit déjeuner", "fr")[1] is None
    assert read("et le petit-déj", "fr")[1] is None
    assert read("avec le petit", "fr")[1] == PartySaid(children=1)


def test_a_bare_number_is_a_party_only_when_that_was_asked() -> None:
    assert read("4")[1] is None
    assert read("4", asked="party")[1] == PartySaid(adults=4)


@given(st.text(max_size=120), st.sampled_from(("en", "de", "es", "fr")))
def test_no_text_breaks_it(text: str, language: Any) -> None:
    budget, party = read(text, language, asked="party")
    assert budget is None or budget.amount >= 1
    assert party is None or (party.adults or 0) + (party.children or 0) > 0


@pytest.mark.parametrize("group", ["'111", " 111"])
def test_an_amount_without_end_costs_no_more_than_it_is_long(group: str) -> None:
    """A thousand letters of it held the interpreter for twenty milliseconds in one match."""

    def cost(times: int) -> float:
        began = thread_time()
        budget_in(group * times, [])
        return thread_time() - began

    short = min(cost(300) for _ in range(5))
    assert min(cost(3_000) for _ in range(3)) < 40 * short
