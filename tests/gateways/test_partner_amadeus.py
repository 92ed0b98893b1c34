"""The Amadeus adapter over real sockets: what it says, and what it makes of every kind of answer."""

import logging
import threading
from itertools import pairwise
from typing import Any

import pytest
import trio
import trio.testing
from amadeus_samples import (
    FLIGHT,
    FLIGHTS,
    HOTELS,
    NOW,
    PRICED,
    ROOM,
    VND,
    Pair,
    answer,
    fault,
    flights,
    listed,
    paired,
    pricing,
    rooms,
    rooms_of,
    token,
)
from duffel_samples import hang, reset, truncated
from msgspec import Raw
from msgspec.structs import replace
from structlog.testing import capture_logs

from core.errors import Rejected, Unavailable
from core.ports.inventory import Priced
from gateways.partners.amadeus_calls import Pace
from gateways.partners.amadeus_flights import flight_offer
from gateways.partners.amadeus_settings import AmadeusSettings
from gateways.partners.breaker import BreakerPolicy
from protocol.frames import Money
from protocol.suppliers import Refused, Unsupported
from protocol.travel import Party

OFFER = flight_offer(Raw(FLIGHT), NOW)
ONCE = {"most_retries": 0}


async def test_a_search_fetches_a_token_and_asks() -> None:
    async with paired() as pair:
        dear = FLIGHT.replace(b"213.40", b"999.40")
        pair.server.say(token(), flights(dear, FLIGHT))
        found = await pair.amadeus.search(FLIGHTS)
        assert [one.total.amount for one in found] == [21_340, 99_940]
        assert bytes(found[0].token) == FLIGHT
        assert pair.server.bodies[0] == (
            b"grant_type=client_credentials&client_id=sandbox&client_secret=sandbox"
        )
        head = pair.server.heads[1].lower()
        assert "authorization: bearer qm7sx2" in head
        assert "connection: close" in head
        assert pair.path(1) == "/v2/shopping/flight-offers"
        assert pair.params(1)["originLocationCode"] == ["PAR"]


async def test_the_token_is_kept_for_the_next_call() -> None:
    async with paired() as pair:
        pair.server.say(token(), flights(), flights())
        assert await pair.amadeus.search(FLIGHTS) == []
        assert await pair.amadeus.search(FLIGHTS) == []
        assert len(pair.server.heads) == 3


async def test_many_at_once_fetch_one_token() -> None:
    async with paired() as pair:
        pair.server.say(token(), *[flights()] * 6)
        async with trio.open_nursery() as nursery:
            for _ in range(6):
                nursery.start_soon(pair.amadeus.search, FLIGHTS)
        assert [pair.path(n) for n in range(7)].count("/v1/security/oauth2/token") == 1


async def test_what_a_query_cannot_say_is_posted() -> None:
    async with paired() as pair:
        pair.server.say(token(), flights())
        await pair.amadeus.search(replace(FLIGHTS, cabin="first"))
        assert pair.server.heads[1].startswith("POST /v2/shopping/flight-offers ")
        assert "x-http-method-override: get" in pair.server.heads[1].lower()
        assert pair.body(1)["sources"] == ["GDS"]


@pytest.mark.parametrize(
    "party", [Party(adults=10), Party(adults=5, children_ages=(3, 4, 5, 6, 7))]
)
async def test_a_party_of_more_than_nine_is_refused_unasked(party: Party) -> None:
    async with paired() as pair:
        with pytest.raises(Rejected) as refused:
            await pair.amadeus.search(replace(FLIGHTS, party=party))
        assert refused.value.code == "bad_request"
        assert pair.server.heads == []


async def test_an_offer_that_cannot_be_read_does_not_cost_the_others() -> None:
    async with paired() as pair:
        broken = FLIGHT.replace(b'"grandTotal":"213.40"', b'"grandTotal":"213.405"')
        pair.server.say(token(), flights(broken, FLIGHT, b"3"))
        assert len(await pair.amadeus.search(FLIGHTS)) == 1
        assert pair.amadeus.statistics()["dropped"] == 2


# APIS: the SDK's own errors, row by row.


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"<html>", content_type="text/html"),
        answer(b"{}", content_type="application/json; charset=latin-1"),
        answer(b'{"data":['),
        answer(b'{"data":[1'[:-1], 500),
        answer(b"[1]"),
        answer(b'{"data":{}}'),
        answer(b'{"data":[{"id":"1"}]}'),
        answer(b'{"data":["\xff"]}'),
        answer(b"", 204),
        answer(b"<html>", 502, content_type="text/html"),
        fault(500, 141),
        fault(500, 38189),
        fault(503, 38189),
        fault(504, 38189),
        fault(400, 141, said=500),
        fault(400, 4926, said="500"),
        fault(429, 38194),
        truncated(flights(FLIGHT)),
        reset,
    ],
)
async def test_what_may_be_better_next_time_is_asked_for_again(reply: Any) -> None:
    async with paired() as pair:
        pair.server.say(token(), reply, flights(FLIGHT))
        assert len(await pair.amadeus.search(FLIGHTS)) == 1
        assert pair.amadeus.statistics()["retries"] == 1


async def test_json_that_says_its_charset_is_read() -> None:
    async with paired() as pair:
        said = answer(b'{"data":[]}', content_type=f"{VND}; charset=utf-8")
        pair.server.say(token(), said)
        assert await pair.amadeus.search(FLIGHTS) == []


@pytest.mark.parametrize(
    ("reply", "word"),
    [
        (fault(401, 38193), "38193"),
        (fault(401, 39683), "39683"),
        (fault(401, "38191"), "38191"),
        (fault(403, 38197), "38197"),
        (fault(404, 38196), "38196"),
        (fault(429, 38195), "38195"),
    ],
)
async def test_what_only_somebody_can_mend_is_not_asked_again_and_raises_an_alarm(
    reply: bytes, word: str
) -> None:
    async with paired() as pair:
        pair.server.say(token(), reply)
        with capture_logs() as logs, pytest.raises(Unavailable):
            await pair.amadeus.search(FLIGHTS)
        alarms = [entry for entry in logs if entry["log_level"] == "error"]
        assert [word in entry["error"] for entry in alarms] == [True]


@pytest.mark.parametrize(
    "reply",
    [
        answer(b"", 302),
        answer({"data": []}, 301),
        answer(b"nothing", 404, content_type="text/plain"),
        answer({"errors": [{"source": None}]}, 400),
    ],
)
async def test_an_answer_that_is_not_amadeus_own_is_unavailable(reply: bytes) -> None:
    async with paired(**ONCE) as pair:
        pair.server.say(token(), reply)
        with pytest.raises(Unavailable):
            await pair.amadeus.search(FLIGHTS)


@pytest.mark.parametrize("code", [425, 477, 572, 2668, 2781, 4926, 10661, 32171, 99_999])
async def test_a_search_that_amadeus_finds_wrong_is_rejected_and_not_repeated(code: int) -> None:
    async with paired() as pair:
        pair.server.say(token(), fault(400, code))
        with pytest.raises(Rejected) as refused:
            await pair.amadeus.search(FLIGHTS)
        assert refused.value.code == "bad_request"
        assert pair.amadeus.statistics()["failures"] == 0


# The token.


@pytest.mark.parametrize("code", [38190, 38192, "38190"])
async def test_a_token_that_is_refused_is_fetched_anew_once(code: object) -> None:
    async with paired() as pair:
        pair.server.say(token("old"), fault(401, code), token("new"), flights(FLIGHT))
        assert len(await pair.amadeus.search(FLIGHTS)) == 1
        assert "bearer new" in pair.server.heads[3].lower()
        assert pair.amadeus.statistics()["failures"] == 0


async def test_a_second_refusal_is_the_end_of_it() -> None:
    async with paired() as pair:
        pair.server.say(token("old"), fault(401, 38190), token("new"), fault(401, 38190))
        with pytest.raises(Unavailable):
            await pair.amadeus.search(FLIGHTS)
        assert pair.server.script == []


@pytest.mark.parametrize("reply", [fault(401, 38193), answer(b"who?", 401)])
async def test_a_token_that_was_revoked_serves_nobody_after(reply: bytes) -> None:
    async with paired(**ONCE) as pair:
        pair.server.say(token("old"), reply, token("new"), flights(FLIGHT))
        with pytest.raises(Unavailable):
            await pair.amadeus.search(FLIGHTS)
        assert len(await pair.amadeus.search(FLIGHTS)) == 1
        assert "bearer new" in pair.server.heads[3].lower()


@pytest.mark.parametrize(
    "reply",
    [
        answer({"error": "invalid_client", "code": 38187, "title": "Invalid parameters"}, 401),
        answer({"error": "unsupported_grant_type", "code": 38187}, 400),
        token(access_token=None),
        token(expires_in="soon"),
        answer(b"", 204),
        fault(404, 1797),
    ],
)
async def test_without_a_token_nothing_is_asked(reply: bytes) -> None:
    async with paired(**ONCE) as pair:
        pair.server.say(reply)
        with pytest.raises(Unavailable):
            await pair.amadeus.search(FLIGHTS)
        assert len(pair.server.heads) == 1


async def test_no_secret_is_printed_logged_or_shown(
    capsys: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AMADEUS_LOG_LEVEL", "debug")
    monkeypatch.setenv("AMADEUS_HOSTNAME", "nowhere")
    caplog.set_level(logging.DEBUG)
    handlers = list(logging.getLogger("amadeus").handlers)
    async with paired(**ONCE) as pair:
        pair.server.say(token("bearer-secret"), fault(401, 38193), fault(500, 141))
        with pytest.raises(Unavailable):
            await pair.amadeus.search(FLIGHTS)
        with pytest.raises(Unavailable):
            await pair.amadeus.search(FLIGHTS)
    assert logging.getLogger("amadeus").handlers == handlers
    said = "".join((*capsys.readouterr(), caplog.text))
    assert "supplier" in said
    assert "bearer-secret" not in said
    assert "client_secret" not in said
    keys = AmadeusSettings(
        mode="live", url="https://gds.example", client_id="an-id", client_secret="a-secret"
    )
    assert "a-secret" not in repr(keys)
    assert "an-id" not in repr(keys)


# Time.


async def test_a_hanging_supplier_does_not_hold_the_search_and_its_thread_ends() -> None:
    async with paired({"search_within": 0.3}) as pair:
        pair.server.say(token(), hang)
        before = threading.active_count()
        with trio.move_on_after(0.05) as scope:
            await pair.amadeus.search(FLIGHTS)
        assert scope.cancelled_caught
        assert pair.amadeus.statistics()["threads"] == 1
        with trio.fail_after(5):
            while pair.amadeus.statistics()["threads"]:
                await trio.sleep(0.01)  # nothing tells when a thread that was left behind has ended
        assert threading.active_count() <= before + 2  # trio keeps idle workers for a while


async def test_a_price_that_is_given_up_is_waited_for() -> None:
    async with paired({"price_within": 0.2}, **ONCE) as pair:
        pair.server.say(token(), hang)
        with trio.move_on_after(0.05), pytest.raises(Unavailable):
            await pair.amadeus.reprice(OFFER, FLIGHTS)
        assert pair.amadeus.statistics()["threads"] == 0


async def test_a_supplier_that_stays_silent_is_unavailable_in_time() -> None:
    async with paired({"search_within": 0.1}, **ONCE) as pair:
        pair.server.say(token(), hang)
        with pytest.raises(Unavailable):
            await pair.amadeus.search(FLIGHTS)


async def test_a_supplier_that_only_fails_is_left_alone() -> None:
    async with paired(most_retries=0, breaker=BreakerPolicy(opens_after=2)) as pair:
        pair.server.say(token(), fault(500, 141), fault(500, 141))
        for _ in range(3):
            with pytest.raises(Unavailable):
                await pair.amadeus.search(FLIGHTS)
        assert len(pair.server.heads) == 3


async def turns_at(pace: Pace, reads: int, changes: int) -> tuple[list[str], list[float]]:
    """Who had a turn, and when, where the changes come while the fourth read is the next."""
    names: list[str] = []
    times: list[float] = []

    async def take(name: str) -> None:
        await (pace.early_turn() if name.startswith("change") else pace.turn())
        names.append(name)
        times.append(trio.current_time())

    async with trio.open_nursery() as nursery:
        for kind, count in (("read", reads), ("change", changes)):
            for number in range(count):
                nursery.start_soon(take, f"{kind} {number}")
                await trio.testing.wait_all_tasks_blocked()
            await trio.sleep(0.3)
    return names, times


async def test_a_change_does_not_wait_for_all_the_reads_before_it(autojump_clock: Any) -> None:
    names, times = await turns_at(Pace(8.0), reads=40, changes=1)
    assert names.index("change 0") == 4
    names.remove("change 0")
    assert names == [f"read {number}" for number in range(40)]
    assert [after - before for before, after in pairwise(times)] == pytest.approx([0.125] * 40)


async def test_changes_do_not_keep_the_reads_out(autojump_clock: Any) -> None:
    names, _ = await turns_at(Pace(8.0), reads=6, changes=3)
    changes = [f"change {number}" for number in range(3)]
    assert names[3:] == ["read 3", *changes, "read 4", "read 5"]


async def test_turns_are_an_eighth_of_a_second_apart(autojump_clock: Any) -> None:
    pace, begun = Pace(8.0), trio.current_time()
    for _ in range(9):
        await pace.turn()
    assert trio.current_time() - begun == pytest.approx(1.0)
    await trio.sleep(60)
    rested = trio.current_time()
    await pace.turn()
    await pace.turn()
    assert trio.current_time() - rested == pytest.approx(0.125)


# Prices.


async def test_a_flight_is_priced_by_its_own_bytes() -> None:
    async with paired() as pair:
        pair.server.say(token(), pricing(PRICED))
        priced = await pair.amadeus.reprice(OFFER, FLIGHTS)
        assert isinstance(priced, Priced)
        assert bytes(priced.offer.token) == PRICED
        assert (priced.offer.total.amount, priced.previous) == (21_890, OFFER.total)
        assert pair.path(1) == "/v1/shopping/flight-offers/pricing"
        assert "x-http-method-override: get" in pair.server.heads[1].lower()
        start = b'{"data":{"type":"flight-offers-pricing","flightOffers":['
        assert pair.server.bodies[1] == start + FLIGHT + b"]}}"


async def test_the_same_price_has_no_previous_one() -> None:
    async with paired() as pair:
        pair.server.say(token(), pricing(FLIGHT))
        assert await pair.amadeus.reprice(OFFER, FLIGHTS) == Priced(offer=OFFER)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        (4926, "expired"),
        (34651, "sold_out"),
        (37200, "price_changed"),
        (34107, "invalid"),
        (38034, "invalid"),
        (477, "invalid"),
    ],
)
async def test_an_offer_that_cannot_be_had_is_refused_and_says_why(code: int, kind: Any) -> None:
    async with paired() as pair:
        pair.server.say(token(), fault(400, code))
        refused = await pair.amadeus.reprice(OFFER, FLIGHTS)
        assert refused == Refused(kind=kind, detail=f"about {code}")


async def test_two_prices_for_one_offer_are_none() -> None:
    async with paired(**ONCE) as pair:
        pair.server.say(token(), pricing(PRICED, PRICED))
        with pytest.raises(Unavailable):
            await pair.amadeus.reprice(OFFER, FLIGHTS)


# Hotels.


async def test_hotels_are_listed_then_asked_what_they_have() -> None:
    async with paired() as pair:
        closed, full = rooms_of(available="false"), rooms_of(offers=())
        pair.server.say(token(), listed("ZZNCE001", "ZZNCE002"), rooms(rooms_of(), closed, full))
        found = await pair.amadeus.search(
            replace(HOTELS, party=Party(adults=3, children_ages=(5,), rooms=2))
        )
        assert [one.total for one in found] == [Money(amount=80_520, currency="EUR")]
        assert bytes(found[0].token) == ROOM
        assert pair.path(1) == "/v1/reference-data/locations/hotels/by-city"
        assert pair.params(1) == {"cityCode": ["NCE"]}
        params = pair.params(2)
        assert params["hotelIds"] == ["ZZNCE001,ZZNCE002"]
        assert (params["adults"], params["roomQuantity"]) == (["2"], ["2"])


@pytest.mark.parametrize("code", [895, 11126, 424])
async def test_a_city_without_hotels_has_no_offers(code: int) -> None:
    async with paired() as pair:
        pair.server.say(token(), fault(400, code))
        assert await pair.amadeus.search(HOTELS) == []


async def test_rooms_that_are_all_taken_are_no_offers() -> None:
    async with paired() as pair:
        pair.server.say(token(), listed("ZZNCE001"), fault(400, 3664))
        assert await pair.amadeus.search(HOTELS) == []


async def test_hotels_that_do_not_answer_do_not_cost_the_others() -> None:
    async with paired({"search_within": 0.5}, **ONCE) as pair:
        pair.server.say(
            token(),
            listed(*[f"ZZNCE{n:03}" for n in range(25)]),
            fault(500, 141),
            rooms(rooms_of()),
        )
        assert len(await pair.amadeus.search(HOTELS)) == 1


async def test_without_any_answer_of_hotels_there_is_none() -> None:
    async with paired(**ONCE) as pair:
        pair.server.say(token(), listed("ZZNCE001"), fault(500, 141))
        with pytest.raises(Unavailable):
            await pair.amadeus.search(HOTELS)


@pytest.mark.parametrize("party", [Party(adults=10), Party(adults=10, rooms=10)])
async def test_more_than_nine_rooms_or_guests_in_one_are_refused_unasked(party: Party) -> None:
    async with paired() as pair:
        with pytest.raises(Rejected):
            await pair.amadeus.search(replace(HOTELS, party=party))
        assert pair.server.heads == []


async def a_room(pair: Pair) -> Any:
    pair.server.say(token(), listed("ZZNCE001"), rooms(rooms_of()))
    return (await pair.amadeus.search(HOTELS))[0]


async def test_a_room_is_priced_by_its_id() -> None:
    async with paired() as pair:
        offer = await a_room(pair)
        dearer = ROOM.replace(b"402.60", b"410.00")
        pair.server.say(answer(b'{"data":' + rooms_of(offers=[dearer]) + b"}"))
        priced = await pair.amadeus.reprice(offer, HOTELS)
        assert isinstance(priced, Priced)
        assert (priced.offer.total.amount, priced.previous) == (41_000, offer.total)
        assert pair.path(3) == "/v3/shopping/hotel-offers/SBX9K2M4QA"


@pytest.mark.parametrize(
    ("reply", "kind"),
    [
        (fault(404, 1797), "expired"),
        (fault(400, 36801), "expired"),
        (fault(400, 3664), "sold_out"),
        (answer(b'{"data":' + rooms_of(available="false") + b"}"), "sold_out"),
        (answer(b'{"data":' + rooms_of(offers=()) + b"}"), "sold_out"),
    ],
)
async def test_a_room_that_is_gone_is_refused(reply: bytes, kind: str) -> None:
    async with paired() as pair:
        offer = await a_room(pair)
        pair.server.say(reply)
        refused = await pair.amadeus.reprice(offer, HOTELS)
        assert isinstance(refused, Refused)
        assert refused.kind == kind


async def test_a_token_that_is_no_rooms_is_refused_unasked() -> None:
    async with paired() as pair:
        refused = await pair.amadeus.reprice(replace(OFFER, token=Raw(b'{"id":"../x"}')), HOTELS)
        assert isinstance(refused, Refused)
        assert pair.server.heads == []


# What it can do, and what it needs.


async def test_flights_are_held_softly_and_hotels_not_at_all() -> None:
    async with paired() as pair:
        flight, hotel = (pair.amadeus.capabilities(kind) for kind in ("flight", "hotel"))
        assert (flight.hold, flight.cancel, flight.issue) == ("soft", "pre_ticket", "explicit")
        assert (hotel.hold, hotel.cancel) == ("none", "none")
        assert not flight.finds_by_reference
        assert await pair.amadeus.find("ref") == Unsupported()


@pytest.mark.parametrize(
    ("settings", "setting"),
    [
        ({"mode": "live"}, "CARAVAN_AMADEUS_URL"),
        ({"mode": "live", "url": "https://gds.example"}, "CARAVAN_AMADEUS_CLIENT_ID"),
        (
            {"mode": "live", "url": "https://gds.example", "client_id": "id"},
            "CARAVAN_AMADEUS_CLIENT_SECRET",
        ),
        (
            {"mode": "live", "url": "http://gds.example", "client_id": "i", "client_secret": "s"},
            "https://",
        ),
        ({}, "sandbox's address"),
        ({"url": "http://127.0.0.1:1", "client_secret": "s"}, "CARAVAN_AMADEUS_CLIENT_SECRET"),
        ({"url": "127.0.0.1:8701"}, "CARAVAN_AMADEUS_URL"),
        ({"url": "http://127.0.0.1/v1"}, "CARAVAN_AMADEUS_URL"),
    ],
)
def test_what_is_missing_is_named_in_a_sentence(settings: dict[str, Any], setting: str) -> None:
    with pytest.raises(ValueError, match=setting):
        AmadeusSettings(**settings)
