"""What is changed in mid-talk: rooms, the way back, the time of the day, the language."""

import dataclasses
from typing import Any

import pytest
from dialogue_world import FEBRUARY, LISBON, TODAY, Talk, flight, hotel, mention, place, reading
from msgspec.structs import replace

from actors.persona.dialogue import likeness_of
from actors.persona.errands import queries
from actors.persona.flying import ANYHOW, Window, flies_so
from actors.persona.plans import Manner, plan_of
from protocol.travel import FlightDetails, FlightQuery, HotelQuery, Offer, Party
from protocol.understanding import Dates, PartySaid, Slots

DUBLIN = (mention("Dublin"),)
THERE_AND_BACK = Dates(from_="2027-02-05", to="2027-02-08")


def shown(intent: Any = "search_hotel", items: Any = (), **slots: Any) -> Talk:
    talk = Talk(items=items or (hotel(1), hotel(2), hotel(3)))
    known = {"destination": LISBON, "origin": DUBLIN, "dates": FEBRUARY} | slots
    talk.hears(reading(intent, slots=Slots(**known)))
    return talk


def flights(*hours: int) -> tuple[Offer, ...]:
    return tuple(
        flight(at, departs=f"2027-02-05T{hour:02}:10:00", arrives=f"2027-02-05T{hour + 1:02}:05:00")
        for at, hour in enumerate(hours)
    )


# Rooms.


@pytest.mark.parametrize(
    "text",
    [
        "2 rooms",
        "two double rooms please",
        "zwei Zimmer",
        "2 Doppelzimmer",
        "dos cuartos",
        "2 chambres",
    ],
)
def test_as_many_rooms_are_searched_as_were_said(text: str) -> None:
    talk = shown()
    talk.hears(reading("refine", slots=Slots(party=PartySaid(adults=2))), text)
    assert talk.errand.party == Party(adults=2, rooms=2)


def test_nobody_s_room_is_empty() -> None:
    talk = shown()
    talk.hears(reading("refine", slots=Slots(party=PartySaid(adults=2))), "4 rooms")
    assert talk.errand.party.rooms == 2
    talk = shown()
    talk.hears(reading("refine"), "we need 3 rooms")
    assert (talk.errand.party, talk.errand.is_party_known) == (Party(adults=3, rooms=3), True)


def test_fewer_rooms_than_hold_them_are_not_searched() -> None:
    talk = shown(party=PartySaid(adults=6))
    talk.hears(reading("refine"), "2 rooms")
    assert talk.errand.party.rooms == 3


def test_a_price_for_several_rooms_says_so() -> None:
    two = for_party(hotel(1), Party(adults=4, rooms=2))
    talk = shown(items=(two,))
    manner = Manner(voice="explorer", language="en", user="", persona="", today=TODAY)
    (line, *_) = talk.hears(reading("ask_detail"), "is that for all of us?")
    facts = plan_of(line, manner, {"LIS": place()}).facts
    assert facts["detail"] == "for 4 people, 2 rooms, €240 for 2 nights"


def for_party(offer: Offer, party: Party) -> Offer:
    return replace(offer, query=replace(offer.query, party=party))


# What is turned down by its name, and what is nicer.


@pytest.mark.parametrize(
    "text", ["not porto", "anything but porto", "nicht Porto", "pas porto svp"]
)
def test_a_place_that_lies_there_is_turned_down_by_its_name(text: str) -> None:
    talk = Talk(places=(place("Lisbon"), place("Porto"), place("Faro")))
    talk.hears(reading("ask_destination"), "somewhere warm")
    talk.hears(reading("compare"), text)
    assert talk.errand.not_these == frozenset({"place:porto-pt"})


def test_a_hotel_is_turned_down_by_its_name() -> None:
    talk = shown()
    talk.hears(reading("complaint"), "not the Celeste please")
    assert talk.errand.not_these == frozenset({"hotel:H2"})


@pytest.mark.parametrize(
    "text", ["something nicer", "was besseres? schöner", "algo mejor", "mieux"]
)
def test_what_is_to_be_better_was_not_seen_yet(text: str) -> None:
    talk = shown()
    talk.hears(reading("refine"), text)
    assert talk.errand.not_these == frozenset({"hotel:H1", "hotel:H2", "hotel:H3"})


def test_what_is_to_be_better_on_other_days_may_have_been_seen() -> None:
    talk = shown()
    talk.hears(reading("refine", slots=Slots(dates=THERE_AND_BACK)), "better from 5 to 8 february")
    assert talk.errand.not_these == frozenset()


# The way back.


@pytest.mark.parametrize(
    "text", ["just one way actually", "nur Hinflug", "solo ida", "aller simple", "no return"]
)
def test_who_wants_no_way_back_is_searched_none(text: str) -> None:
    talk = shown("search_flight", flights(8), dates=THERE_AND_BACK)
    talk.hears(reading("refine"), text)
    (query,) = queries(talk.errand, [place()], place("Dublin"))
    assert isinstance(query, FlightQuery)
    assert query.return_on is None


def test_no_way_back_and_rooms_turn_a_search_however_weakly_they_were_read() -> None:
    talk = shown("search_flight", flights(8), dates=THERE_AND_BACK)
    talk.hears(reading("refine", 0.5, second=("cancel", 0.4)), "aller simple finalement")
    assert talk.errand.stay.is_lone
    talk = shown()
    talk.hears(reading("complaint", 0.5, second=("refine", 0.4)), "i said two rooms")
    assert talk.errand.party.rooms == 2


@pytest.mark.parametrize(
    ("text", "dates"),
    [("make it a round trip", None), ("back on the 9th", Dates(to="2027-02-09"))],
)
def test_a_way_back_may_be_wanted_after_all(text: str, dates: Dates | None) -> None:
    talk = shown("search_flight", flights(8), dates=THERE_AND_BACK)
    talk.hears(reading("refine"), "one way")
    talk.hears(reading("refine", slots=Slots(dates=dates)), text)
    assert not talk.errand.stay.is_lone


def test_a_bed_is_for_all_nights_whatever_is_flown() -> None:
    talk = shown("search_flight", flights(8), dates=THERE_AND_BACK)
    talk.hears(reading("refine"), "one way")
    talk.hears(reading("search_hotel", slots=Slots(destination=LISBON)), "and a hotel")
    assert (talk.errand.stay.nights, talk.errand.stay.is_lone) == (3, False)


# The time of the day.


@pytest.mark.parametrize("intent", ["refine", "ask_detail", "complaint"])
@pytest.mark.parametrize(
    ("text", "span"),
    [
        ("too early", (9 * 60 + 11, 24 * 60)),
        ("anything later in the day?", (9 * 60 + 11, 24 * 60)),
        ("más tarde", (9 * 60 + 11, 24 * 60)),
        ("gibt es was früheres?", (0, 9 * 60 + 9)),
        ("trop tard", (0, 9 * 60 + 9)),
        ("later than the second one, please: something later", (15 * 60 + 11, 24 * 60)),
    ],
)
def test_another_time_than_the_flight_that_lies_there(
    text: str, span: tuple[int, int], intent: Any
) -> None:
    talk = shown("search_flight", flights(9, 15, 7))
    talk.hears(reading(intent), text)
    assert talk.errand.flying.windows == (Window(way=0, end="departs", span=span),)


def test_later_ones_leave_later() -> None:
    early, late = flights(9, 15)
    talk = shown("search_flight", (early, late))
    talk.hears(reading("refine"), "too early")
    details = [offer.source.details for offer in (early, late)]
    assert all(isinstance(one, FlightDetails) for one in details)
    fits = [flies_so(talk.errand.flying, one) for one in details if isinstance(one, FlightDetails)]
    assert fits == [False, True]


@pytest.mark.parametrize("text", ["one week later", "talk to you later", "see you later"])
def test_a_later_day_or_a_goodbye_moves_no_time(text: str) -> None:
    talk = shown("search_flight", flights(9, 15), dates=THERE_AND_BACK)
    talk.hears(reading("refine", slots=Slots(party=PartySaid(adults=2))), text)
    assert talk.errand.flying == ANYHOW


# The language.


def test_the_language_of_the_talk_is_kept_until_its_message_is_unsaid() -> None:
    talk = Talk()
    talk.hears(reading("ask_destination", language="de"), "wohin im februar")
    assert talk.dialogue.spoken is not None
    assert talk.dialogue.spoken.language == "de"
    assert talk.dialogue.without("m1").spoken is None


def test_what_people_say_among_themselves_is_not_the_language_of_the_talk() -> None:
    talk = Talk()
    talk.hears(reading("human_chatter", language="fr"), "salut")
    assert talk.dialogue.spoken is None


# What was picked, on other days.


def test_a_hotel_that_is_picked_for_other_nights_is_searched_where_it_is() -> None:
    talk = shown()
    five = Slots(dates=Dates(from_="2027-02-05", nights=5))
    lines = talk.says(reading("ask_detail", slots=five), "the cheapest one for 5 nights then")
    assert lines == ["open_hotels", "show_hotels"]
    (query,) = queries(talk.errand, [place()], None)
    assert isinstance(query, HotelQuery)
    assert (query.check_in, query.check_out) == ("2027-02-05", "2027-02-10")
    assert [mention.name for mention in talk.errand.trip.destination] == ["LIS"]


def test_a_hotel_that_is_picked_without_other_days_is_told_of() -> None:
    talk = shown()
    assert talk.says(reading("ask_detail"), "what about the second one then") == ["detail"]


# How long, and which of them.


@pytest.mark.parametrize(
    ("text", "nights"), [("one more night", 4), ("for two nights longer", 5), ("a night less", 2)]
)
def test_a_stay_is_made_longer_or_shorter(text: str, nights: int) -> None:
    talk = shown(dates=THERE_AND_BACK)
    talk.hears(reading("refine", 0.5, second=("greet", 0.2)), text)
    assert (talk.errand.stay.start.isoformat(), talk.errand.stay.nights) == ("2027-02-05", nights)


def test_no_stay_is_shorter_than_a_night() -> None:
    talk = shown(dates=Dates(from_="2027-02-05", to="2027-02-06"))
    talk.hears(reading("refine"), "one night less")
    assert talk.errand.stay.nights == 1


@pytest.mark.parametrize(
    "text", ["no wait, the second one", "no, the second", "nein, doch das zweite", "Celeste"]
)
@pytest.mark.parametrize("intent", ["cancel", "book", "refine"])
def test_another_of_them_is_asked_about_anew_before_it_is_booked(text: str, intent: Any) -> None:
    talk = shown()
    talk.hears(reading("book"), "book the last one")
    (line,) = talk.hears(reading(intent, 0.85), text)
    assert line.act == "confirm"
    assert line.subject is not None
    assert (line.subject.intent, line.subject.at) == ("book", 1)
    (line,) = talk.hears(reading("book"), "yes")
    assert line.act == "not_yet"
    assert line.subject is not None
    assert line.subject.at == 1


@pytest.mark.parametrize("text", ["no", "no, not the second one", "cancel the second one"])
def test_a_no_picks_nothing(text: str) -> None:
    talk = shown()
    talk.hears(reading("book"), "book the last one")
    (line,) = talk.hears(reading("cancel", 0.85), text)
    assert line.act == "stopped"


def two_places() -> Talk:
    talk = Talk(places=(place("Lisbon"), place("Porto")))
    towns = (mention("Lisbon"), mention("Porto"))
    talk.hears(reading("compare", slots=Slots(destination=towns)), "lisbon or porto?")
    return talk


@pytest.mark.parametrize("weak", [reading("greet", 0.29), reading("smalltalk", 0.6)])
def test_the_one_that_is_chosen_of_two_is_where_it_goes_on(weak: Any) -> None:
    talk = two_places()
    (line,) = talk.hears(weak, "ok Porto then")
    assert line.act == "detail"
    talk.hears(reading("search_hotel", slots=Slots(dates=FEBRUARY)), "hotels there")
    assert [one.name for one in talk.errand.trip.destination] == ["Porto"]


def test_who_has_chosen_none_goes_on_with_both() -> None:
    talk = two_places()
    talk.hears(reading("search_hotel", slots=Slots(dates=FEBRUARY)), "hotels there")
    assert [one.name for one in talk.errand.trip.destination] == ["Lisbon", "Porto"]


def test_three_places_are_all_shown() -> None:
    names = ("Lisbon", "Porto", "Faro")
    talk = Talk(places=tuple(map(place, names)))
    towns = tuple(map(mention, names))
    (line,) = talk.hears(
        reading("compare", slots=Slots(destination=towns)), "lisbon, porto or faro?"
    )
    assert (line.act, len(line.items)) == ("show_places", 3)


def test_which_one_has_breakfast_is_asked_of_all_of_them() -> None:
    talk = shown()
    (line,) = talk.hears(reading("compare"), "which one has breakfast?")
    assert (line.act, line.items) == ("show_hotels", (hotel(1), hotel(2), hotel(3)))
    (line,) = talk.hears(reading("compare"), "has the first or the third breakfast?")
    assert (line.act, line.items) == ("compare", (hotel(1), hotel(3)))


def test_between_ideas_and_a_payment_that_nobody_named_there_is_no_question() -> None:
    for first, second in (("pay", "ask_destination"), ("ask_destination", "pay")):
        talk = Talk()
        half = reading(first, 0.45, second=(second, 0.4))  # type: ignore[arg-type]
        assert talk.says(half, "I want to go on holiday") == ["show_places"]
    half = reading("pay", 0.45, second=("ask_destination", 0.4))
    assert Talk().says(half, "can I pay for a holiday") == ["clarify"]


# What was said before and is not taken back.


def test_the_way_back_in_the_evening_leaves_the_way_there_in_the_morning() -> None:
    talk = shown("search_flight", items=flights(7, 12, 18), dates=THERE_AND_BACK)
    talk.hears(reading("refine"), "only with lufthansa")
    talk.hears(reading("refine"), "anything in the morning?")
    talk.hears(reading("refine"), "and coming back in the evening")
    wanted = talk.errand.flying
    assert wanted.carriers == ("LH",)
    assert [(one.way, one.span[0] // 60) for one in wanted.windows] == [(0, 4), (1, 17)]
    talk.hears(reading("refine"), "rather in the afternoon")
    assert [(one.way, one.span[0] // 60) for one in talk.errand.flying.windows] == [
        (1, 17),
        (0, 12),
    ]
    talk.hears(reading("refine"), "not with ryanair")
    assert (talk.errand.flying.carriers, talk.errand.flying.not_with) == ((), ("FR",))
    talk.hears(reading("refine"), "any airline")
    assert talk.errand.flying == ANYHOW


@pytest.mark.parametrize("picks", ["", "tell me about the first one"])
def test_a_price_for_other_nights_is_searched(picks: str) -> None:
    talk = shown()
    if picks:
        talk.hears(reading("ask_detail"), picks)
    asked = reading("ask_detail", slots=Slots(dates=Dates(nights=4)))
    assert talk.says(asked, "how much for 4 nights?")[-1] == "show_hotels"
    assert talk.errand.stay.nights == 4


@pytest.mark.parametrize("text", ["not a big city", "no big city please", "not in a large town"])
def test_no_big_city_is_a_quiet_place(text: str) -> None:
    talk = Talk()
    talk.hears(reading("ask_destination"), text)
    assert talk.errand.trip.wishes == ("quiet",)


@pytest.mark.parametrize(
    "text",
    [
        "I don't like the second one either",
        "I don't want the second",
        "not keen on the second one",
        "no me gusta el segundo",
        "je n'aime pas le deuxième",
    ],
)
def test_what_is_not_liked_is_shown_no_more(text: str) -> None:
    talk = shown()
    talk.hears(reading("refine", 0.44, second=("complaint", 0.25)), text)
    assert talk.errand.not_these == {likeness_of(hotel(2))}


@pytest.mark.parametrize("text", ["is it cold then?", "will it be hot?", "ist es dort warm?"])
def test_how_warm_it_is_is_asked_of_where_it_goes(text: str) -> None:
    talk = shown()
    assert talk.says(reading("ask_detail", 0.96), text)[-1] == "weather"


def test_something_with_a_pool_is_searched_though_no_record_tells() -> None:
    talk = shown()
    weak = reading("refine", 0.31, second=("ask_destination", 0.18))
    assert talk.says(weak, "show me something with a pool")[-1] == "show_hotels"
    assert talk.errand.is_beyond_records


@pytest.mark.parametrize(
    "text",
    ["and the other one?", "und das andere?", "¿y el otro?", "et l'autre ?", "the other please"],
)
def test_the_other_one_is_not_the_one_that_was_talked_of(text: str) -> None:
    talk = shown(items=(hotel(1), hotel(2)))
    talk.hears(reading("ask_detail"), "tell me about the first one")
    (line,) = talk.hears(reading("refine"), text)
    assert (line.act, line.items) == ("detail", (hotel(2),))
    talk = shown()
    talk.hears(reading("ask_detail"), "tell me about the first one")
    (line,) = talk.hears(reading("refine"), text)
    assert (line.act, line.wanted) == ("ask", "which")
    (line,) = talk.hears(reading("refine"), "the third")
    assert (line.act, line.items) == ("detail", (hotel(3),))


@pytest.mark.parametrize("text", ["show me the other hotels", "the other ones", "other options"])
def test_others_are_searched(text: str) -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), "tell me about the first one")
    talk.hears(reading("refine"), text)
    assert "others" in talk.errand.twists


def test_who_books_one_when_asked_which_it_is_books_it() -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), "is breakfast included?")
    assert talk.dialogue.asked == "which"
    picks = reading("refine", 0.85, second=("book", 0.9))
    (line,) = talk.hears(picks, "book the second one")
    assert line.act == "confirm"
    assert line.subject is not None
    assert (line.subject.intent, line.subject.at) == ("book", 1)


def test_more_of_the_last_one_is_no_comparison() -> None:
    talk = shown()
    half = reading("ask_detail", 0.55, second=("compare", 0.4))
    (line,) = talk.hears(half, "tell me more about the last one")
    assert (line.act, line.items) == ("detail", (hotel(3),))


def fares(*prices: int) -> tuple[Offer, ...]:
    """The same flight, with fewer bags for each fare."""
    return tuple(_with_bags(flight(1, price), len(prices) - at) for at, price in enumerate(prices))


def _with_bags(offer: Offer, bags: int) -> Offer:
    details = replace(offer.source.details, checked_bags=bags)
    return replace(offer, id=f"bags-{bags}", source=replace(offer.source, details=details))


def test_the_cheapest_fare_of_one_flight_is_not_taken_for_the_first() -> None:
    talk = shown("search_flight", fares(58_900, 59_700, 48_000), dates=THERE_AND_BACK)
    (line,) = talk.hears(reading("ask_detail"), "which is the cheapest one?")
    assert (line.subject.at, line.items) == (2, (talk.items[2],))
    (line, *_) = talk.hears(reading("ask_detail"), "what's that per person?")
    assert line.items == (talk.items[2],)
    (line,) = talk.hears(reading("book"), "book it")
    assert line.subject.at == 2


def test_two_fares_of_one_flight_are_compared() -> None:
    talk = shown("search_flight", fares(58_900, 59_700, 48_000), dates=THERE_AND_BACK)
    (line,) = talk.hears(reading("compare"), "compare the first and the third")
    assert line.items == (talk.items[0], talk.items[2])


def test_what_the_weather_was_asked_of_is_what_is_talked_of() -> None:
    talk = Talk(places=(place("Lisbon"), place("Porto"), place("Faro")))
    talk.hears(reading("ask_destination"), "somewhere warm")
    talk.hears(reading("weather"), "what's the weather like in the second one?")
    dates = Dates(from_="2027-02-10", to="2027-02-17")
    talk.hears(reading("search_hotel", slots=Slots(dates=dates)), "hotels there please")
    assert [one.place_id for one in talk.errand.trip.destination] == ["porto-pt"]


def test_the_month_of_the_days_that_were_said_is_no_other_stay() -> None:
    talk = shown(dates=THERE_AND_BACK)
    talk.hears(reading("weather", slots=Slots(dates=FEBRUARY)), "is it cold there in february?")
    talk.hears(reading("refine"), "cheaper")
    assert (talk.errand.stay.start.isoformat(), talk.errand.stay.nights) == ("2027-02-05", 3)


@pytest.mark.parametrize("dates", [Dates(month="2027-02", nights=5), Dates(month="2027-03")])
def test_another_month_or_another_length_is(dates: Dates) -> None:
    talk = shown(dates=THERE_AND_BACK)
    talk.hears(reading("refine", slots=Slots(dates=dates)), "rather then")
    assert talk.errand.stay.nights == (dates.nights or 2)


def test_days_of_a_stay_somewhere_else_are_not_those_of_the_first() -> None:
    talk = shown(dates=THERE_AND_BACK)
    slots = Slots(destination=(mention("Porto"),), dates=FEBRUARY)
    talk.hears(reading("search_hotel", slots=slots), "hotels in porto in february")
    assert talk.errand.stay.nights == 2


@pytest.mark.parametrize("intent", ["compare", "ask_detail"])
def test_the_cheapest_is_told_with_its_price_and_is_what_is_talked_of(intent: Any) -> None:
    talk = shown(items=(hotel(1, 30_000), hotel(2, 20_000), hotel(3, 25_000)))
    (line,) = talk.hears(reading(intent), "which one is cheapest?")
    assert (line.act, line.subject.at, line.attributes) == ("detail", 1, ("price",))
    (line,) = talk.hears(reading("ask_detail"), "is it refundable?")
    assert (line.act, line.items) == ("detail", (talk.items[1],))


@pytest.mark.parametrize("text", ["Solo directos", "nur direkte Flüge", "directos por favor"])
def test_direct_flights_are_a_change_however_weakly_it_is_read(text: str) -> None:
    talk = shown("search_flight", flights(8, 13, 20), dates=THERE_AND_BACK)
    weak = reading("refine", 0.5, second=("complaint", 0.4))
    assert talk.says(weak, text)[-1] != "clarify"


@pytest.mark.parametrize(
    "text", ["No me gusta ninguno", "none of these please", "keins davon", "aucun ne me plaît"]
)
def test_who_likes_none_of_them_is_shown_others(text: str) -> None:
    talk = shown()
    talk.hears(reading("refine", 0.5, second=("complaint", 0.4)), text)
    assert talk.errand.not_these == {likeness_of(item) for item in talk.items}


def test_other_days_call_nothing_off() -> None:
    talk = shown()
    assert talk.says(reading("ask_detail"), "is it refundable?") == ["ask"]
    dates = Dates(from_="2027-02-10", to="2027-02-15")
    weak = reading("refine", 0.5, second=("cancel", 0.4), slots=Slots(dates=dates))
    talk.hears(weak, "cambia las fechas al 10 al 15")
    assert talk.errand.stay.start.isoformat() == "2027-02-10"


@pytest.mark.parametrize("text", ["Gibt es auch was mit Frühstück?", "anything with breakfast?"])
def test_something_with_breakfast_is_searched(text: str) -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), text)
    assert "breakfast" in talk.errand.twists


def test_whether_the_second_has_breakfast_is_not() -> None:
    talk = shown()
    assert talk.says(reading("ask_detail"), "is the second with breakfast?") == ["detail"]


NO_KIND = {"confidence": 0.5, "second": ("search_flight", 0.4)}


def test_who_says_for_how_many_nights_looks_for_a_bed() -> None:
    talk = Talk()
    slots = Slots(destination=LISBON, dates=Dates(from_="2027-02-05", nights=5))
    lines = talk.says(reading("search_hotel", slots=slots, **NO_KIND), "five nights in lisbon")
    assert lines[-1] == "show_hotels"


def test_a_beach_holiday_of_no_place_is_still_to_be_found() -> None:
    talk = Talk()
    slots = Slots(origin=DUBLIN, dates=FEBRUARY)
    lines = talk.says(reading("search_hotel", slots=slots, **NO_KIND), "beach holiday from dublin")
    assert lines[-1] in ("show_places", "show_hotels")


@pytest.mark.parametrize("text", ["c'est trop cher pour moi", "das ist mir zu teuer"])
def test_what_costs_too_much_is_no_question_where_prices_go(text: str) -> None:
    talk = shown()
    talk.hears(reading("price_trend"), text)
    assert "cheaper" in talk.errand.twists


def test_a_question_where_prices_go_is_one() -> None:
    talk = shown()
    talk.hears(reading("price_trend"), "is it always so expensive?")
    assert talk.errand.purpose == "trend"


def test_who_comes_along_is_a_change_of_what_is_talked_of() -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), "the first one looks good")
    party = Slots(party=PartySaid(adults=4))
    talk.hears(reading("ask_detail", slots=party), "can our friends join? then we're four")
    assert talk.errand.party.adults == 4


def test_a_cheaper_one_is_searched_and_the_cheaper_one_is_told() -> None:
    talk = shown()
    talk.hears(reading("refine"), "is there a cheaper one?")
    assert "cheaper" in talk.errand.twists
    assert shown().says(reading("ask_detail"), "the cheaper one") == ["detail"]


def test_who_was_asked_which_one_may_want_others() -> None:
    talk = shown("search_flight", flights(8, 13, 20), dates=THERE_AND_BACK)
    assert talk.says(reading("ask_detail"), "which airline is it?") == ["ask"]
    weak = reading("compare", 0.5, second=("refine", 0.4))
    talk.hears(weak, "are there cheaper ones?")
    assert "cheaper" in talk.errand.twists


@pytest.mark.parametrize("intent", ["price_trend", "complaint"])
def test_what_is_too_dear_is_searched_cheaper(intent: Any) -> None:
    talk = shown()
    talk.hears(reading(intent), "that's too expensive for us")
    assert (talk.errand.purpose, "cheaper" in talk.errand.twists) == ("show", True)


def test_is_there_a_cheaper_one_is_no_question_about_the_cheapest() -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), "is there a cheaper one?")
    assert "cheaper" in talk.errand.twists


@pytest.mark.parametrize("text", ["the most expensive one", "el más caro", "la plus chère"])
def test_the_dearest_is_one_of_them(text: str) -> None:
    talk = shown(items=(hotel(1, 20_000), hotel(2, 30_000), hotel(3, 25_000)))
    (line,) = talk.hears(reading("compare", 0.5, second=("refine", 0.4)), text)
    assert (line.act, line.subject.at) == ("detail", 1)


def test_two_that_are_named_are_compared() -> None:
    talk = shown()
    (line,) = talk.hears(reading("compare"), "alba against branca")
    assert line.act == "compare"


def test_there_is_the_one_town_of_all_that_lie_there() -> None:
    talk = shown()
    talk.dialogue = replace_said(talk)
    talk.hears(reading("weather"), "what's the weather like there?")
    assert [one.place_id for one in talk.errand.trip.destination] == ["LIS"]


def replace_said(talk: Talk) -> Any:
    """As of who was shown a list that somebody else had asked for."""
    return dataclasses.replace(talk.dialogue, said=())


def test_what_is_held_against_the_others_is_what_is_talked_of() -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), "tell me about the first")
    assert talk.says(reading("compare"), "the second one against the rest") == ["compare"]
    (line,) = talk.hears(reading("plan_add"), "add it to my plan")
    assert line.subject.at == 1


def test_flights_are_asked_for_though_a_hotel_is_talked_of() -> None:
    talk = shown()
    talk.hears(reading("ask_detail"), "the second one")
    weak = reading("ask_detail", 0.5, second=("search_flight", 0.4))
    talk.hears(weak, "what flights are there?")
    assert "search_offers" in talk.errand.tools
    assert talk.dialogue.trip.seeking == "flights"


def test_a_journey_of_no_flight_and_no_place_is_still_to_be_found() -> None:
    talk = Talk()
    weak = reading(
        "search_flight", 0.5, second=("ask_destination", 0.4), slots=Slots(origin=DUBLIN)
    )
    assert "clarify" not in talk.says(weak, "un viaje en noviembre desde dublin")
    assert talk.dialogue.trip.seeking == "places"
