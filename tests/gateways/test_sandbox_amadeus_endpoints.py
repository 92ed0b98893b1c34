"""Every other endpoint of the sandbox's Amadeus, called through the official SDK where it has it."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import amadeus
import pytest
from sandbox_process import SandboxProcess, cheapest, ordered, sdk


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    sandbox = SandboxProcess(tmp_path_factory.mktemp("sandbox") / "sandbox.db")
    sandbox.start()
    sandbox.to_midnight()
    sandbox.control("POST", "amadeus/options", {"tps": None})
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture(scope="module")
def client(sandbox: SandboxProcess) -> amadeus.Client:
    return sdk(sandbox.port())


@pytest.fixture(scope="module")
def day(sandbox: SandboxProcess) -> date:
    return sandbox.today() + timedelta(days=60)


def test_a_search_by_body_is_the_search_by_query(client: amadeus.Client, day: date) -> None:
    leg = {"id": "1", "originLocationCode": "PAR", "destinationLocationCode": "NCE"}
    body = {
        "currencyCode": "EUR",
        "originDestinations": [
            {**leg, "departureDateTimeRange": {"date": str(day), "time": "08:00:00"}}
        ],
        "travelers": [{"id": "1", "travelerType": "ADULT", "fareOptions": ["STANDARD"]}],
        "sources": ["GDS"],
        "searchCriteria": {"maxFlightOffers": 1},
    }
    posted = client.shopping.flight_offers_search.post(body).data
    assert posted == [cheapest(client, day)]
    refused = {**body, "travelers": [{"id": "1", "travelerType": "HELD_INFANT"}]}
    with pytest.raises(amadeus.ClientError) as raised:
        client.shopping.flight_offers_search.post(refused)
    error = raised.value.response.result["errors"][0]
    assert error["source"]["pointer"] == "/travelers[0]/associatedAdultId"


def test_filters_of_a_body_are_obeyed(client: amadeus.Client, day: date) -> None:
    def search(**filters: Any) -> list[dict[str, Any]]:
        leg = {"id": "1", "originLocationCode": "LIS", "destinationLocationCode": "TYO"}
        wanted = {"date": str(day), "dateWindow": "I1D"}
        body = {
            "originDestinations": [{**leg, "departureDateTimeRange": wanted}],
            "travelers": [{"id": "1", "travelerType": "ADULT"}],
            "sources": ["GDS"],
            "searchCriteria": {"flightFilters": filters},
        }
        return list(client.shopping.flight_offers_search.post(body).data)

    everything = search()
    carriers = {s["carrierCode"] for o in everything for s in o["itineraries"][0]["segments"]}
    assert len(carriers) > 1
    days = {o["itineraries"][0]["segments"][0]["departure"]["at"][:10] for o in everything}
    assert days <= {str(day + timedelta(days=n)) for n in (-1, 0, 1)}
    without = search(carrierRestrictions={"excludedCarrierCodes": [min(carriers)]})
    segments = [s for o in without for s in o["itineraries"][0]["segments"]]
    assert min(carriers) not in {s["carrierCode"] for s in segments}
    direct = search(connectionRestriction={"maxNumberOfConnections": 0})
    assert all(len(o["itineraries"][0]["segments"]) == 1 for o in direct)
    business = search(cabinRestrictions=[{"cabin": "BUSINESS", "originDestinationIds": ["1"]}])
    cabins = {
        d["cabin"] for o in business for d in o["travelerPricings"][0]["fareDetailsBySegment"]
    }
    assert cabins == {"BUSINESS"}


def test_nothing_found_is_an_empty_list(client: amadeus.Client, day: date) -> None:
    found = client.shopping.flight_offers_search.get(
        originLocationCode="PAR",
        destinationLocationCode="QQQ",
        departureDate=str(day),
        adults=1,
        nonStop="true",
    )
    assert (found.data, found.result["meta"]["count"]) == ([], 0)


def test_a_round_trip_comes_back_after_it_left(client: amadeus.Client, day: date) -> None:
    offer = cheapest(client, day, returnDate=str(day + timedelta(days=3)), infants=1)
    out, back = (each["segments"] for each in offer["itineraries"])
    assert out[-1]["arrival"]["at"] < back[0]["departure"]["at"]
    infant = offer["travelerPricings"][1]
    assert (infant["travelerType"], infant["associatedAdultId"]) == ("HELD_INFANT", "1")


def test_pricing_adds_taxes_and_what_is_included(client: amadeus.Client, day: date) -> None:
    offer = cheapest(client, day)
    priced = client.shopping.flight_offers.pricing.post(offer, include="bags,detailed-fare-rules")
    (found,) = priced.data["flightOffers"]
    taxes = found["travelerPricings"][0]["price"]["taxes"]
    assert sum(float(each["amount"]) for each in taxes) > 0
    assert found["price"]["billingCurrency"] == "EUR"
    assert found["price"]["fees"][-1]["type"] == "FORM_OF_PAYMENT"
    assert priced.result["included"]["detailed-fare-rules"]["1"]["fareBasis"]
    assert priced.data["bookingRequirements"]["emailAddressRequired"] is True


def test_locations_are_found_paged_and_shown(client: amadeus.Client) -> None:
    first = client.reference_data.locations.get(
        keyword="L", subType="CITY,AIRPORT", **{"page[limit]": 3}
    )
    assert len(first.data) == 3
    second = client.next(first)
    assert {each["id"] for each in first.data} & {each["id"] for each in second.data} == set()
    assert client.previous(second).data == first.data
    nice = client.reference_data.location("ANCE").get().data
    assert (nice["iataCode"], nice["address"]["countryCode"]) == ("NCE", "FR")
    assert nice["timeZoneOffset"] in ("+01:00", "+02:00")


def test_cities_come_with_their_airports(client: amadeus.Client) -> None:
    found = client.reference_data.locations.cities.get(keyword="PARIS", include="AIRPORTS")
    (paris,) = found.data
    assert (paris["iataCode"], paris["subType"]) == ("PAR", "city")
    assert set(found.result["included"]["airports"]) == {"CDG", "ORY"}


def test_recommended_places_are_others_best_first(client: amadeus.Client) -> None:
    found = client.reference_data.recommended_locations.get(cityCodes="PAR,ROM").data
    scores = [each["relevance"] for each in found]
    assert scores == sorted(scores, reverse=True)
    assert not {"PAR", "ROM"} & {each["iataCode"] for each in found}
    assert "longitude" in found[0]["geoCode"]


def test_seat_maps_of_an_offer_and_of_an_order(client: amadeus.Client, day: date) -> None:
    offer = cheapest(client, day)
    (of_offer,) = client.shopping.seatmaps.post({"data": [offer]}).data
    order = ordered(client, offer)
    (of_order,) = client.shopping.seatmaps.get(flightOrderId=order["id"]).data
    assert of_offer["decks"] == of_order["decks"]
    seats = of_offer["decks"][0]["seats"]
    statuses = {each["travelerPricing"][0]["seatAvailabilityStatus"] for each in seats}
    assert statuses == {"AVAILABLE", "BLOCKED", "OCCUPIED"}


def test_hotels_by_city_by_place_and_by_id(client: amadeus.Client) -> None:
    hotels = client.reference_data.locations.hotels
    found = hotels.by_city.get(cityCode="NCE").data
    distances = [each["distance"]["value"] for each in found]
    assert distances == sorted(distances)
    near = hotels.by_geocode.get(latitude=43.7, longitude=7.268, radius=1).data
    assert {each["hotelId"] for each in near} <= {each["hotelId"] for each in found}
    ids = [each["hotelId"] for each in found[:2]]
    assert [each["hotelId"] for each in hotels.by_hotels.get(hotelIds=ids).data] == ids
    stars = hotels.by_city.get(cityCode="NCE", ratings="5", radius=300).data
    assert {each["rating"] for each in stars} == {5}
    with pytest.raises(amadeus.ClientError) as raised:
        hotels.by_city.get(cityCode="QQQ")
    assert raised.value.response.result["errors"][0]["code"] == 1157


def stay(client: amadeus.Client, day: date, **query: Any) -> dict[str, Any]:
    """The first room that is free in Nice."""
    hotels = client.reference_data.locations.hotels.by_city.get(cityCode="NCE").data
    found = client.shopping.hotel_offers_search.get(
        hotelIds=",".join(each["hotelId"] for each in hotels),
        adults=2,
        checkInDate=str(day),
        checkOutDate=str(day + timedelta(days=2)),
        **query,
    )
    return dict(found.data[0]["offers"][0])


def booked(client: amadeus.Client, offer_id: str, guest: str = "1") -> dict[str, Any]:
    card = {"vendorCode": "VI", "cardNumber": "4111111111111111", "expiryDate": "2099-08"}
    answer = client.booking.hotel_orders.post(
        guests=[{"tid": 1, "firstName": "ANA", "lastName": "TEST", "email": "ana@example.test"}],
        travel_agent={"contact": {"email": "ops@example.test"}},
        room_associations=[
            {"guestReferences": [{"guestReference": guest}], "hotelOfferId": offer_id}
        ],
        payment={"method": "CREDIT_CARD", "paymentCard": {"paymentCardInfo": card}},
    )
    assert answer.status_code == 201
    return dict(answer.data)


def test_a_room_is_found_shown_and_booked(
    client: amadeus.Client, sandbox: SandboxProcess, day: date
) -> None:
    offer = stay(client, day)
    shown = client.shopping.hotel_offer_search(offer["id"]).get().data
    assert shown["offers"][0]["price"] == offer["price"]
    order = booked(client, offer["id"])
    (booking,) = order["hotelBookings"]
    assert booking["bookingStatus"] == "CONFIRMED"
    card = booking["payment"]["paymentCard"]["paymentCardInfo"]
    assert card["cardNumber"] == "411111XXXXXX1111"
    assert booking["hotelOffer"]["price"]["total"] == offer["price"]["total"]
    assert order["id"] in [one["id"] for one in sandbox.control("GET", "rooms")["data"]]
    assert sandbox.control("GET", "rooms?request=NOBODY")["data"] == []


def refused_code(call: Any) -> int:
    with pytest.raises(amadeus.ResponseError) as raised:
        call()
    return int(raised.value.response.result["errors"][0]["code"])


def test_rooms_run_out_offers_expire_and_prices_move(
    client: amadeus.Client, sandbox: SandboxProcess, day: date
) -> None:
    offer = stay(client, day)
    orders = "/hotel-orders$"
    sandbox.rule({"type": "price_drift", "percent": 7}, pathRegex=orders)
    assert refused_code(lambda: booked(client, offer["id"])) == 37200
    assert refused_code(lambda: booked(client, offer["id"], guest="9")) == 33555
    assert refused_code(lambda: booked(client, "ABC")) == 36801
    assert refused_code(lambda: [booked(client, offer["id"]) for _ in range(9)]) == 3664
    later = stay(client, day)
    sandbox.advance(timedelta(minutes=31))
    assert refused_code(lambda: booked(client, later["id"])) == 38420
    assert refused_code(client.shopping.hotel_offer_search(later["id"]).get) == 1797


@pytest.mark.parametrize(
    ("changed", "code", "parameter"),
    [
        ({"checkOutDate": "2020-01-01"}, 382, "checkOutDate"),
        ({"checkInDate": "2020-01-01"}, 381, "checkInDate"),
        ({"adults": 10}, 477, "adults"),
        ({"priceRange": "1-2"}, 2668, "priceRange"),
        ({"hotelIds": "XXXXX999"}, 1257, "hotelIds"),
    ],
)
def test_wrong_stays_name_their_parameter(
    client: amadeus.Client, changed: dict[str, Any], code: int, parameter: str
) -> None:
    with pytest.raises(amadeus.ClientError) as raised:
        client.shopping.hotel_offers_search.get(**{"hotelIds": "ZZNCE001", "adults": 1, **changed})
    error = raised.value.response.result["errors"][0]
    assert (error["code"], error["source"]["parameter"]) == (code, parameter)


ROUND_NICE = {"north": 43.8, "south": 43.6, "west": 7.15, "east": 7.38}
"""Nothing of Cannes or Monaco."""


def test_activities_round_a_point_in_a_square_and_by_id(client: amadeus.Client) -> None:
    near = client.shopping.activities.get(latitude=43.7, longitude=7.268, radius=8).data
    assert len(near) > 3
    assert client.shopping.activities.by_square.get(**ROUND_NICE).data == near
    first = near[0]
    assert client.shopping.activity(first["id"]).get().data == first
    assert isinstance(first["geoCode"]["latitude"], str)
    assert set(first["price"]) == {"currencyCode", "amount"}


def test_points_of_interest_which_the_sdk_has_no_words_for(client: amadeus.Client) -> None:
    path = "/v1/reference-data/locations/pois"
    near = client.get(path, latitude=43.7, longitude=7.268, radius=8, categories="SIGHTS").data
    assert {each["category"] for each in near} == {"SIGHTS"}
    square = client.get(f"{path}/by-square", **ROUND_NICE).data
    assert {each["id"] for each in near} <= {each["id"] for each in square}
    assert client.get(f"{path}/{near[0]['id']}").data == near[0]


def test_where_to_and_when_for_how_little(client: amadeus.Client, day: date) -> None:
    found = client.shopping.flight_destinations.get(origin="PAR", maxPrice=400)
    prices = [float(each["price"]["total"]) for each in found.data]
    assert prices == sorted(prices)
    assert prices[-1] <= 400
    assert found.result["meta"]["currency"] == "EUR"
    days = client.shopping.flight_dates.get(
        origin="PAR", destination="NCE", oneWay="true", departureDate=f"{day},{day}"
    ).data
    assert [each["departureDate"] for each in days] == [str(day)]
    assert refused_code(lambda: client.shopping.flight_destinations.get(origin="QQQ")) == 6003


def test_a_week_is_for_leisure(client: amadeus.Client, day: date) -> None:
    found = client.travel.predictions.trip_purpose.get(
        originLocationCode="PAR",
        destinationLocationCode="NCE",
        departureDate=str(day),
        returnDate=str(day + timedelta(days=7)),
    )
    assert found.data["result"] == "LEISURE"
    assert 0 < float(found.data["probability"]) < 1
