"""Facts as words say what the record says, in four languages, and nothing else."""

import re
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import Raw

from actors.persona import facts, facts_of_items
from actors.persona.hints import Attribute
from actors.persona.spoken import MAX_NAME, PHRASES
from protocol.frames import Money
from protocol.money import decimal_text
from protocol.travel import (
    FlightDetails,
    FlightQuery,
    GeoPoint,
    HotelDetails,
    HotelQuery,
    Itinerary,
    MonthClimate,
    Offer,
    Party,
    Place,
    Segment,
    SupplierOffer,
)
from protocol.understanding import (
    INTENTS,
    Budget,
    Dates,
    Language,
    PartySaid,
    PlaceMention,
    Question,
    Shown,
)
from protocol.wording import MAX_VALUE, PLACEHOLDERS, cleaned

LANGUAGES: tuple[Language, ...] = get_args(Language)
TODAY = date(2026, 11, 24)
NUMBER = re.compile(r"\d[\d.,\u202f\u00a0]*\d|\d")


def place(name: str, iata: str | None = None, **others: Any) -> Place:
    fields = {
        "id": f"{name.lower()}-xx",
        "kind": "destination",
        "names": {"en": name},
        "country": "PT",
        "at": GeoPoint(latitude=0, longitude=0),
        "time_zone": "UTC",
        "iata": iata,
    }
    return Place(**fields | others)


LISBON = place("Lisbon", "LIS", names={"en": "Lisbon", "de": "Lissabon", "fr": "Lisbonne"})
ROME = place("Rome", "ROM", names={"en": "Rome", "de": "Rom", "es": "Roma"})
ATLAS = {one: thing for thing in (LISBON, ROME) for one in (thing.id, thing.iata or "")}


def offer(details: Any, total: Money, *, party: Party | None = None, **others: Any) -> Offer:
    who = party or Party(adults=2)
    query = (
        HotelQuery(city="ROM", check_in=details.check_in, check_out=details.check_out, party=who)
        if isinstance(details, HotelDetails)
        else FlightQuery(origin="LIS", destination="ROM", depart_on="2027-02-12", party=who)
    )
    source = SupplierOffer(
        supplier="duffel",
        token=Raw(b"{}"),
        total=total,
        fetched_at=0,
        expires_at=1,
        can_hold=False,
        details=details,
    )
    return Offer(id="o", query=query, source=source, **others)


def hotel(**fields: Any) -> HotelDetails:
    given_fields = {
        "hotel_id": "H",
        "name": "Casa Rosa",
        "check_in": "2027-02-12",
        "check_out": "2027-02-14",
    }
    return HotelDetails(**given_fields | fields)


def flight(*, stops: int = 0, minutes: int | None = 190, **fields: Any) -> FlightDetails:
    airports = ["LIS", "MAD", "BCN", "NCE", "FCO"]
    ways = [*airports[: stops + 1], "FCO"]
    segments = tuple(
        Segment(
            carrier="TP",
            number="834",
            origin=here,
            destination=there,
            departs="2027-02-12T07:35:00",
            arrives="2027-02-12T10:45:00",
        )
        for here, there in pairwise(ways)
    )
    there = Itinerary(segments=segments, minutes=minutes)
    return FlightDetails(itineraries=(there,), **fields)


def euros(amount: int) -> Money:
    return Money(amount=amount, currency="EUR")


def numbers(text: str, language: Language) -> set[Decimal]:
    """All numbers in a text, as its language writes them."""
    point = "." if language == "en" else ","
    group = "," if language == "en" else "."
    found = set()
    for match in NUMBER.findall(text):
        plain = re.sub(rf"[\u202f\u00a0{re.escape(group)}]", "", match).replace(point, ".")
        found.add(Decimal(plain))
    return found


@pytest.mark.parametrize("language", LANGUAGES)
@given(
    amount=st.integers(0, 10**9),
    currency=st.sampled_from(["EUR", "USD", "JPY", "KWD", "ISK", "CHF", "XAF"]),
    nights=st.integers(1, 40),
    stars=st.none() | st.integers(1, 5),
    is_stale=st.booleans(),
)
def test_every_number_of_a_hotel_is_its_records(
    language: Language, amount: int, currency: str, nights: int, stars: int | None, is_stale: bool
) -> None:
    end = (date(2027, 2, 12) + timedelta(days=nights)).isoformat()
    total = Money(amount=amount, currency=currency)
    shown = offer(hotel(check_out=end, stars=stars), total, is_stale=is_stale)
    told = facts_of_items.facts_of_offers([shown], language, atlas=ATLAS)
    assert numbers(told["offer.1.price"], language) == {Decimal(decimal_text(total)), nights}
    assert numbers(told.get("offer.1.detail", ""), language) == ({stars} if stars else set())
    assert told["offer.1.name"] == "Casa Rosa"


@pytest.mark.parametrize("language", LANGUAGES)
@given(
    amount=st.integers(1, 10**8),
    stops=st.integers(0, 3),
    minutes=st.none() | st.integers(1, 3_000),
    bags=st.none() | st.integers(0, 4),
    is_refundable=st.none() | st.booleans(),
)
def test_every_number_of_a_flight_is_its_records(
    language: Language,
    amount: int,
    stops: int,
    minutes: int | None,
    bags: int | None,
    is_refundable: bool | None,
) -> None:
    details = flight(stops=stops, minutes=minutes, checked_bags=bags, is_refundable=is_refundable)
    told = facts_of_items.facts_of_offers([offer(details, euros(amount))], language, atlas=ATLAS)
    hours, rest = divmod(minutes or 0, 60)
    known = {stops} if stops else set()
    known |= set() if minutes is None else {rest} if not hours else {hours, rest}
    assert numbers(told["offer.1.name"], language) == known
    assert numbers(told["offer.1.price"], language) == {Decimal(amount) / 100}
    said = numbers(told["offer.1.detail"], language)
    assert said - {bags} <= {7, 35, 10, 45, 834}
    assert (bags in said) or not bags


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_a_supplier_does_not_say_is_not_claimed(language: Language) -> None:
    silent = offer(hotel(), euros(24_000))
    assert facts_of_items.detail_of_offer(silent, language) is None
    for attribute in get_args(Attribute):
        told = facts_of_items.detail(silent, attribute, language)
        assert (told is None) == (attribute not in {"people", "price", "times", "duration"}), (
            attribute
        )
    plane = offer(flight(), euros(24_000))
    for attribute in ("bags", "refund", "seats", "board", "stars", "room"):
        assert facts_of_items.detail(plane, attribute, language) is None, attribute
    told = facts_of_items.detail_of_offer(plane, language)
    phrases = PHRASES[language].flight
    assert told is not None
    assert phrases.refund not in told
    assert phrases.no_refund not in told
    assert phrases.no_bags not in told


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_it_says_is_told_each_thing_in_its_words(language: Language) -> None:
    full = offer(
        hotel(stars=4, board="BREAKFAST", free_until=1_802_000_000_000, room="Twin, 20 m²"),
        euros(1),
    )
    words = PHRASES[language].hotel
    assert facts_of_items.detail(full, "stars", language) == words.stars[1].format(n=4)
    assert facts_of_items.detail(full, "board", language) == words.boards["BREAKFAST"]
    assert "20 m²" in (facts_of_items.detail(full, "room", language) or "")
    until = facts_of_items.detail(full, "refund", language)
    assert until is not None
    assert numbers(until, language) == {7, 11, 33}
    assert "UTC" in until
    told = facts_of_items.detail_of_offer(full, language)
    assert told is not None
    assert told.count(",") >= 2
    seats = offer(flight(seats=9), euros(1))
    nine = PHRASES[language].flight.many_seats.format(n=9)
    assert facts_of_items.detail(seats, "seats", language) == nine, "nine and whatever is more"


def test_a_price_by_night_or_person_is_the_totals_share_and_says_when_it_is_rounded() -> None:
    three = hotel(check_out="2027-02-15")
    exact, rounded = offer(three, euros(24_000)), offer(three, euros(10_000))
    assert facts_of_items.price_of_offer(exact, "en", per="night") == (
        "€240 for 3 nights (€80 a night)"
    )
    assert facts_of_items.price_of_offer(rounded, "en", per="night") == (
        "€100 for 3 nights (about €34 a night)"
    )
    assert facts_of_items.price_of_offer(exact, "en", per="person") == (
        "€240 for 3 nights (€120 per person)"
    )
    alone = offer(flight(), euros(9_900), party=Party(adults=1))
    assert facts_of_items.price_of_offer(alone, "en", per="person") == "€99"
    assert facts_of_items.price_of_offer(alone, "en", per="night") == "€99"


def test_a_flight_is_its_route_by_the_cities_names_and_both_ways() -> None:
    details = flight(stops=1)
    back = flight(minutes=None).itineraries[0]
    both = FlightDetails(itineraries=(*details.itineraries, back))
    shown = offer(both, euros(1))
    name = facts_of_items.name_of_offer
    assert name(shown, "en", atlas=ATLAS) == "Lisbon → Rome, 1 stop, 3 h 10 (back: direct)"
    assert name(shown, "de", atlas=ATLAS) == "Lissabon → Rom, 1 Stopp, 3 Std. 10 (zurück: direkt)"
    assert name(shown, "en", atlas={}) == "LIS → ROM, 1 stop, 3 h 10 (back: direct)"


@given(st.text(max_size=300))
def test_a_hostile_hotel_name_stays_one_line_of_plain_text(name: str) -> None:
    shown = offer(hotel(name=name), euros(100))
    told = facts_of_items.name_of_offer(shown, "en", atlas={})
    assert told
    assert len(told) <= MAX_NAME
    assert told == cleaned(told)
    assert not set("<>{}[]*_`~|\\#\n\r\u202e\u200b\u2066") & set(told)
    assert "://" not in told


def test_cleaning_takes_out_what_turns_breaks_or_decorates() -> None:
    assert cleaned("Casa\n\n# **Rosa**\u202e \u2066x\u2069\u0007") == "Casa Rosa x"
    assert cleaned("see http://evil.test [here](x)") == "see http evil.test here (x)"
    assert cleaned("1\u202f240\u00a0€") == "1\u202f240\u00a0€", "amounts are not torn apart"
    assert cleaned("Z\u0334\u0334\u0334\u0334\u0334a") == "Z\u0334\u0334a"
    assert cleaned("Ho\u0302tel") == "Hôtel"
    assert cleaned("{offer.1.price}") == "offer.1.price"
    assert cleaned("http:\u200b/\u2060/evil.test \u1fefx\u1fef") == "http evil.test x"
    assert cleaned("fr\u034fe\ufe0fe o\u200b\u0302") == "free ô", "nor what nobody sees"
    assert cleaned("\u200b\u200d") == ""
    assert cleaned("a" * 300) == "a" * (MAX_VALUE - 1) + "…"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_place_is_told_by_what_the_catalogue_proves(language: Language) -> None:
    climate = tuple(MonthClimate(mean=month + 0.4, rain=10.0 * month) for month in range(12))
    known = place("Faro", tags=("coast", "capital"), climate=climate, price_level=1)
    bare = place("Nowhere")
    told = facts_of_items.facts_of_places([known, bare], language, month=3)
    assert numbers(told["place.1.detail"], language) == {2}
    assert PHRASES[language].place.tags["coast"] in told["place.1.detail"]
    assert told["place.2.country"] == "Portugal"
    assert "place.2.detail" not in told
    assert facts_of_items.climate_of(bare, 3, language) is None
    assert facts_of_items.climate_of(known, None, language) is None
    assert numbers(facts_of_items.climate_of(known, 3, language) or "", language) == {2, 20}


def test_two_are_compared_by_all_that_is_known() -> None:
    dear, bare = offer(hotel(stars=4), euros(30_000)), offer(hotel(), euros(20_000))
    told = facts_of_items.compared_offers([dear, bare], "en", atlas=ATLAS)
    assert told["offer.1.detail"] == "€300 for 2 nights, 4 stars"
    assert told["offer.2.detail"] == "€200 for 2 nights"
    places = facts_of_items.compared_places([LISBON, place("Faro", tags=("coast",))], "de")
    assert places["offer.1.name"] == "Lissabon"
    assert places["offer.1.detail"] == "Portugal"
    assert places["offer.2.detail"] == "am Meer"


@pytest.mark.parametrize(
    ("language", "within", "across", "far"),
    [
        (
            "en",
            "from 1 to 3 February",
            "from 27 February to 1 March",
            "from 30 December 2027 to 2 January 2028",
        ),
        (
            "de",
            "vom 1. bis 3. Februar",
            "vom 27. Februar bis 1. März",
            "vom 30. Dezember 2027 bis 2. Januar 2028",
        ),
        (
            "es",
            "del 1 al 3 de febrero",
            "del 27 de febrero al 1 de marzo",
            "del 30 de diciembre de 2027 al 2 de enero de 2028",
        ),
        (
            "fr",
            "du 1er au 3 février",
            "du 27 février au 1er mars",
            "du 30 décembre 2027 au 2 janvier 2028",
        ),
    ],
)
def test_days_carry_their_preposition(
    language: Language, within: str, across: str, far: str
) -> None:
    def told(start: date, end: date) -> str:
        return facts.days(start, end, language, today=TODAY)

    assert told(date(2027, 2, 1), date(2027, 2, 3)) == within
    assert told(date(2027, 2, 27), date(2027, 3, 1)) == across
    assert told(date(2027, 12, 30), date(2028, 1, 2)) == far


@pytest.mark.parametrize(
    ("language", "phrases"),
    [
        ("en", ["in August for 7 nights", "at Christmas", "in summer 2028", "until 5 March"]),
        ("de", ["im August für 7 Nächte", "an Weihnachten", "im Sommer 2028", "bis 5. März"]),
        (
            "es",
            ["en agosto por 7 noches", "en Navidad", "en verano de 2028", "hasta el 5 de marzo"],
        ),
        ("fr", ["en août pour 7 nuits", "à Noël", "en été 2028", "jusqu’au 5 mars"]),
    ],
)
def test_dates_are_told_as_they_were_said(language: Language, phrases: list[str]) -> None:
    said = [
        Dates(month="2027-08", nights=7),
        Dates(holiday="christmas-2026"),
        Dates(season="2028-summer"),
        Dates(to="2027-03-05"),
    ]
    assert [facts.dates_said(one, language, today=TODAY) for one in said] == phrases
    assert facts.dates_said(Dates(), language, today=TODAY) is None


@pytest.mark.parametrize(
    ("language", "phrase", "couple"),
    [
        ("en", "for 1 adult and 2 children (age taken as 8)", "for 2 people"),
        ("de", "für 1 Erwachsenen und 2 Kinder (Alter angenommen: 8)", "für 2 Personen"),
        ("es", "para 1 adulto y 2 niños (edad supuesta: 8)", "para 2 personas"),
        ("fr", "pour 1 adulte et 2 enfants (âge supposé : 8 ans)", "pour 2 personnes"),
    ],
)
def test_a_party_is_told_with_what_was_assumed_of_it(
    language: Language, phrase: str, couple: str
) -> None:
    assert facts.party(Party(adults=1, children_ages=(8, 8)), language, assumed_age=8) == phrase
    assert facts.party(Party(adults=2), language, assumed_age=8) == couple
    assert facts.party_said(PartySaid(adults=2), language) == couple
    assert facts.party_said(PartySaid(), language) is None


@pytest.mark.parametrize("language", LANGUAGES)
@given(
    amount=st.integers(1, 10**7).map(lambda cents: cents / 100),
    currency=st.sampled_from([None, "EUR", "USD", "JPY"]),
    per=st.sampled_from([None, "night", "person", "total"]),
)
def test_a_budget_is_told_to_the_cent(
    language: Language, amount: float, currency: Any, per: Any
) -> None:
    told = facts.budget_said(Budget(amount=amount, currency=currency, per=per), language)
    (number,) = numbers(told, language)
    if currency == "JPY":
        assert abs(number - Decimal(str(amount))) <= Decimal("0.5")
    else:
        assert number == Decimal(str(amount))


def test_places_are_joined_by_the_languages_or() -> None:
    said = [PlaceMention(name="Rome", place_id=ROME.id), PlaceMention(name="Oslo")]
    turkey = [PlaceMention(name="Turkey", country="TR")]
    assert facts.places_said(said, "en", atlas=ATLAS) == "Rome or Oslo"
    assert facts.places_said(said, "es", atlas=ATLAS) == "Roma u Oslo"
    assert facts.places_said(said * 2, "fr", atlas=ATLAS) == "Rome ou Oslo"
    assert facts.places_said(turkey, "de", atlas=ATLAS) == "Türkei"
    assert facts.places_said([PlaceMention(name="\u202e")], "de", atlas=ATLAS) is None
    assert facts.places_said([], "de", atlas=ATLAS) is None


def test_which_of_several_places_of_a_name_was_taken_is_said() -> None:
    abroad = PlaceMention(name="Rome", place_id=ROME.id, namesakes="abroad")
    assert facts.places_said([abroad], "de", atlas=ATLAS) == "Rom (Portugal)"
    here = PlaceMention(name="Rome", place_id=ROME.id, namesakes="here")
    assert facts.places_said([here], "en", atlas=ATLAS) == f"Rome (Portugal, {ROME.iata})"


@pytest.mark.parametrize("language", LANGUAGES)
def test_there_are_words_for_every_question_intent_and_reason(language: Language) -> None:
    assert {facts.wanted(question, language) for question in get_args(Question)}
    assert len({facts.reading(intent, language) for intent in INTENTS}) == len(INTENTS)
    for intent in INTENTS:
        assert facts.doing(intent, language)
        assert facts.doing(intent, language, number=1, shown="hotels")
    for shown in get_args(Shown):
        told = [facts.item(number, shown, language) for number in range(6)]
        assert len(set(told)) == 6
        assert "6" in told[5]
        assert facts.count_of(1, shown, language).startswith("1 ")
        assert facts.count_of(3, shown, language).startswith("3 ")
    phrases = PHRASES[language]
    assert set(phrases.because) == set(phrases.instead) == set(PHRASES["en"].because)
    assert set(phrases.place.tags) == set(PHRASES["en"].place.tags)
    assert facts.because("tags.unheard", language) is None
    assert facts.because(None, language) is None
    assert facts.instead(None, language) == phrases.something_else


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_budget_in_another_currency_is_said_to_judge_nothing(language: Language) -> None:
    """Without its amount: where others read, it may be known to one of them alone."""
    pounds, none = Budget(amount=77, currency="GBP", per="night"), Budget(amount=77)
    shown = offer(hotel(), Money(amount=100_00, currency="EUR"))
    said = facts.unheld(pounds, [shown, shown], language)
    assert said is not None
    assert "EUR" in said
    assert "77" not in said
    assert facts.unheld(none, [shown], language) is None
    assert facts.unheld(None, [shown], language) is None
    assert facts.unheld(Budget(amount=1, currency="EUR"), [shown], language) is None
    assert facts.unheld(pounds, [], language) is None


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_choice_for_several_people_says_by_which_rule(language: Language) -> None:
    """The reason is the item's, the rule the group's; no one's own liking is in either."""
    told = {
        facts.because(feature, language, together=rule)
        for feature in ("price", "tags.coast", None)
        for rule in ("average", "least_misery", None)
    }
    assert len(told) == 9
    phrases = PHRASES[language]
    assert set(phrases.together) == {"average", "least_misery"}
    said = facts.because("price", language, together="least_misery")
    assert said == f"{phrases.because['price']} {phrases.both} {phrases.together['least_misery']}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_trend_is_told_by_its_size_and_span(language: Language) -> None:
    assert numbers(facts.trend(0.064, 14, language), language) == {6, 14}
    assert facts.trend(0.064, 14, language) != facts.trend(-0.064, 14, language)
    assert numbers(facts.trend(0.004, 1, language), language) == {1}


@pytest.mark.parametrize("language", LANGUAGES)
def test_towns_that_are_compared_by_price_say_their_prices_first(language: Language) -> None:
    towns = [place("Lisbon", price_level=level) for level in (3, 2)]
    told = facts_of_items.compared_places(towns, language, month=5, attributes=("price",))
    phrases = PHRASES[language].place
    assert told["offer.1.detail"].startswith(phrases.middling)
    assert told["offer.2.detail"].startswith(phrases.prices[0])
    assert told["offer.2.detail"].count(phrases.prices[0]) == 1
    silent = facts_of_items.compared_places(towns, language)
    assert phrases.middling not in silent["offer.1.detail"]


def test_the_values_are_those_of_known_placeholders() -> None:
    shown = offer(hotel(stars=4), euros(1))
    told = facts_of_items.facts_of_offers([shown] * 5, "en", atlas=ATLAS)
    told |= facts_of_items.facts_of_places([LISBON] * 5, "en")
    assert set(told) <= set(PLACEHOLDERS)
    assert facts.called("\u202e") is None
    assert facts.called("Ana") == "Ana"
