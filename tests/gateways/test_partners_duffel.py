"""The Duffel adapter over real sockets: what it says, and what it makes of every kind of answer."""

import gzip
import json
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from urllib.parse import parse_qs, urlsplit

import pytest
import trio
from duffel_samples import (
    MADE,
    NOW,
    QUERY,
    VERBATIM,
    Behaviour,
    Scripted,
    answer,
    fault,
    hang,
    listed,
    offer,
    reset,
    scripted,
    truncated,
)
from msgspec import Raw, structs
from structlog.testing import capture_logs

from core.errors import Rejected, Unavailable
from core.ports.inventory import Priced
from gateways.partners import duffel_client
from gateways.partners.breaker import BreakerPolicy
from gateways.partners.duffel import Duffel
from gateways.partners.duffel_client import DuffelSettings
from gateways.partners.duffel_offers import supplier_offer
from gateways.partners.resilience import GuardPolicy
from protocol.frames import Money
from protocol.suppliers import Refused
from protocol.travel import HotelQuery, Party

OFFER = supplier_offer(Raw(VERBATIM), NOW)


class Clock:
    def now_ms(self) -> int:
        return NOW

    def monotonic(self) -> float:
        return trio.current_time()


class Chance:
    def random(self) -> float:
        return 0.0

    def getrandbits(self, k: int, /) -> int:
        return 0


@dataclass
class Pair:
    """The adapter and the server that it speaks to."""

    duffel: Duffel
    server: Scripted

    def query_of(self, index: int) -> dict[str, list[str]]:
        return parse_qs(urlsplit(self.server.heads[index].split(" ")[1]).query)


@asynccontextmanager
async def paired(*, most_offers: int = 100, **policy: object) -> AsyncIterator[Pair]:
    quick = GuardPolicy(**{"call_within": 2.0, "first_backoff": 0.001} | policy)  # type: ignore[arg-type]
    async with scripted() as server:
        settings = DuffelSettings(url=server.url, most_offers=most_offers)
        duffel = Duffel(settings, clock=Clock(), chance=Chance(), policy=quick)
        with trio.fail_after(10):
            yield Pair(duffel, server)
        await duffel.aclose()


async def test_a_search_asks_the_airlines_and_fetches_the_cheapest() -> None:
    async with paired(most_offers=2) as pair:
        cheap = offer(id="off_cheap", total_amount="99.00")
        pair.server.say(MADE, listed(VERBATIM, cheap, offer(id="off_third")))
        found = await pair.duffel.search(QUERY)
        assert [one.total.amount for one in found] == [9_900, 41_206]
        assert bytes(found[1].token) == VERBATIM
        head = pair.server.heads[0].lower()
        assert head.startswith("post /air/offer_requests?")
        assert "duffel-version: v2" in head
        assert "accept-encoding: gzip" in head
        assert "authorization: bearer duffel_test_sandbox" in head
        assert pair.query_of(0) == {"return_offers": ["false"], "supplier_timeout": ["8000"]}
        assert json.loads(pair.server.bodies[0])["data"]["passengers"][2] == {"age": 8}
        assert pair.query_of(1) == {
            "offer_request_id": ["orq_0001sample"],
            "sort": ["total_amount"],
            "limit": ["2"],
        }


async def test_the_airlines_get_less_time_when_the_caller_has_less() -> None:
    async with paired() as pair:
        pair.server.say(MADE, listed())
        with trio.fail_after(5.0):
            assert await pair.duffel.search(QUERY) == []
        assert 2_000 <= int(pair.query_of(0)["supplier_timeout"][0]) <= 4_000


async def test_an_offer_that_cannot_be_read_does_not_cost_the_others() -> None:
    async with paired() as pair:
        pair.server.say(MADE, listed(offer(total_amount="1.005"), {"id": 3}, VERBATIM))
        assert [bytes(one.token) for one in await pair.duffel.search(QUERY)] == [VERBATIM]
        assert pair.duffel.statistics()["dropped"] == 2


async def test_an_answer_may_be_gzipped() -> None:
    async with paired() as pair:
        page = gzip.compress(b'{"data":[' + VERBATIM + b"]}")
        pair.server.say(MADE, answer(page, headers=[("Content-Encoding", "gzip")]))
        assert len(await pair.duffel.search(QUERY)) == 1


async def test_hotels_are_not_sold_and_nobody_is_asked() -> None:
    async with paired() as pair:
        stay = HotelQuery(
            city="NCE", check_in="2027-06-14", check_out="2027-06-16", party=Party(adults=1)
        )
        assert pair.duffel.capabilities("hotel") is None
        assert await pair.duffel.search(stay) == ()
        assert pair.server.heads == []


async def test_a_party_of_more_than_nine_is_refused_unasked() -> None:
    async with paired() as pair:
        many = structs.replace(QUERY, party=Party(adults=8, children_ages=(3, 4)))
        with pytest.raises(Rejected) as refused:
            await pair.duffel.search(many)
        assert (refused.value.code, pair.server.heads) == ("bad_request", [])


async def test_a_search_that_duffel_finds_wrong_is_rejected() -> None:
    async with paired() as pair:
        pair.server.say(fault(422, "validation_error", "validation_format"))
        with pytest.raises(Rejected) as refused:
            await pair.duffel.search(QUERY)
        assert refused.value.code == "bad_request"


FAILURES: dict[str, bytes | Behaviour] = {
    "500": fault(500, "api_error", "internal_server_error"),
    "502": fault(502, "airline_error", "airline_unknown"),
    "504": fault(504, "api_error", "gateway_timeout_error"),
    "401": fault(401, "authentication_error", "access_token_not_found"),
    "403": fault(403, "authentication_error", "insufficient_permissions"),
    "400, our own mistake": fault(400, "invalid_request_error", "unsupported_version"),
    "a proxy's page": answer(b"<html>\xff not found</html>", 404),
    "a redirect": answer(b"", 302, [("Location", "http://127.0.0.1:1/")]),
    "accepted, whatever that means here": answer(b"", 202),
    "another encoding": answer(b"x", 200, [("Content-Encoding", "br")]),
}
PASSING: dict[str, bytes | Behaviour] = {
    "503": fault(503, "api_error", "service_unavailable"),
    "429": fault(
        429,
        "rate_limit_error",
        "rate_limit_exceeded",
        date="Tue, 11 May 2027 01:46:40 GMT",
        ratelimit_reset="Tue, 11 May 2027 01:46:40 GMT",
    ),
    "429, without a time": fault(429, "rate_limit_error", "rate_limit_exceeded"),
    "429, with an odd time": fault(
        429, "rate_limit_error", "rate_limit_exceeded", ratelimit_reset="60"
    ),
    "a reset": reset,
    "a truncated body": truncated(MADE),
    "bad json": answer(b'{"data":'),
    "json of another kind": answer({"data": {"id": 7}}),
    "an id that is none": answer({"data": {"id": "orq_/../x"}}),
    "no gzip": answer(b"plain", headers=[("Content-Encoding", "gzip")]),
    "half a gzip": answer(gzip.compress(b'{"data":')[:-6], headers=[("Content-Encoding", "gzip")]),
}


@pytest.mark.parametrize("what", FAILURES)
async def test_what_will_not_pass_is_unavailable_after_one_call(what: str) -> None:
    async with paired() as pair:
        pair.server.say(FAILURES[what])
        with pytest.raises(Unavailable):
            await pair.duffel.search(QUERY)
        assert len(pair.server.heads) == 1


@pytest.mark.parametrize("what", PASSING)
async def test_what_may_pass_is_asked_again(what: str) -> None:
    async with paired() as pair:
        pair.server.say(PASSING[what], MADE, listed(VERBATIM))
        assert len(await pair.duffel.search(QUERY)) == 1
        assert pair.duffel.statistics()["retries"] == 1


async def test_the_second_call_is_repeated_without_the_first() -> None:
    async with paired() as pair:
        pair.server.say(MADE, reset, listed(VERBATIM))
        assert len(await pair.duffel.search(QUERY)) == 1
        assert [head.split(" ")[0] for head in pair.server.heads] == ["POST", "GET", "GET"]


async def test_a_supplier_that_hangs_costs_the_attempts_time_and_no_more() -> None:
    async with paired(call_within=0.05, most_retries=1) as pair:
        pair.server.say(hang, hang)
        with pytest.raises(Unavailable):
            await pair.duffel.search(QUERY)
        assert len(pair.server.heads) == 2


async def test_a_caller_who_leaves_frees_the_place_at_once() -> None:
    async with paired(most_running=1) as pair:
        pair.server.say(hang, MADE, listed(VERBATIM))
        with trio.move_on_after(0.05) as gone:
            await pair.duffel.search(QUERY)
        assert gone.cancelled_caught
        assert len(await pair.duffel.search(QUERY)) == 1


async def test_a_refused_connection_is_unavailable() -> None:
    async with scripted() as server:
        url = server.url
    duffel = Duffel(
        DuffelSettings(url=url),
        clock=Clock(),
        chance=Chance(),
        policy=GuardPolicy(first_backoff=0.001),
    )
    with pytest.raises(Unavailable):
        await duffel.search(QUERY)
    await duffel.aclose()


@pytest.mark.parametrize("is_bomb", [False, True])
async def test_an_answer_without_end_is_cut_off(
    monkeypatch: pytest.MonkeyPatch, is_bomb: bool
) -> None:
    monkeypatch.setattr(duffel_client, "MAX_ANSWER_BYTES", 50_000)
    body = b'{"data":[' + b" " * 5_000_000 + b"]}"
    said = (
        answer(gzip.compress(body), headers=[("Content-Encoding", "gzip")])
        if is_bomb
        else answer(body)
    )
    async with paired() as pair:
        pair.server.say(MADE, said)
        with pytest.raises(Unavailable), capture_logs() as logs:
            await pair.duffel.search(QUERY)
        assert "more than 50000 bytes" in logs[-1]["detail"]


async def test_too_many_calls_are_waited_out_as_long_as_duffel_says() -> None:
    async with paired() as pair:
        pair.server.say(
            fault(
                429,
                "rate_limit_error",
                "rate_limit_exceeded",
                date="Tue, 11 May 2027 01:46:40 GMT",
                ratelimit_reset="Tue, 11 May 2027 01:47:05 GMT",
            )
        )
        with trio.fail_after(5), pytest.raises(Unavailable) as refused:
            await pair.duffel.search(QUERY)
        assert refused.value.retry_after_ms == 25_000
        assert pair.duffel.statistics()["breaker"] == 0


async def test_a_supplier_in_trouble_is_left_alone() -> None:
    async with paired(breaker=BreakerPolicy(opens_after=2)) as pair:
        pair.server.say(FAILURES["500"], FAILURES["500"])
        for _ in range(3):
            with pytest.raises(Unavailable):
                await pair.duffel.search(QUERY)
        assert len(pair.server.heads) == 2


async def test_an_offer_costs_the_same_or_another_price_today() -> None:
    async with paired() as pair:
        dearer = offer(total_amount="430.00")
        pair.server.say(answer(b'{"data":' + VERBATIM + b"}"), answer({"data": dearer}))
        same = await pair.duffel.reprice(OFFER, QUERY)
        assert same == Priced(offer=OFFER)
        other = await pair.duffel.reprice(OFFER, QUERY)
        assert isinstance(other, Priced)
        assert (other.offer.total.amount, other.previous) == (43_000, OFFER.total)
        assert pair.server.heads[0].startswith("GET /air/offers/off_0001sample?")


@pytest.mark.parametrize(
    ("said", "kind"),
    [
        (fault(422, "airline_error", "offer_no_longer_available"), "sold_out"),
        (fault(422, "invalid_state_error", "offer_expired"), "expired"),
        (fault(404, "invalid_request_error", "not_found"), "expired"),
        (fault(422, "airline_error", "price_changed"), "price_changed"),
        (fault(422, "airline_error", "something_new"), "invalid"),
        (answer({"data": offer(expires_at="2027-05-11T01:46:40Z")}), "expired"),
    ],
)
async def test_an_offer_that_cannot_be_had_is_refused_with_the_reason(
    said: bytes, kind: str
) -> None:
    async with paired() as pair:
        pair.server.say(said)
        refused = await pair.duffel.reprice(OFFER, QUERY)
        assert isinstance(refused, Refused)
        assert refused.kind == kind
        assert refused.detail


@pytest.mark.parametrize("token", [b"{}", b'{"id":"off_1/../../air/orders"}', b"\xff", b"[]"])
async def test_a_token_that_is_no_offer_never_becomes_a_path(token: bytes) -> None:
    async with paired() as pair:
        strange = structs.replace(OFFER, token=Raw(token), total=Money(amount=1, currency="EUR"))
        refused = await pair.duffel.reprice(strange, QUERY)
        assert isinstance(refused, Refused)
        assert (refused.kind, pair.server.heads) == ("invalid", [])


async def test_no_log_has_the_key(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    async with paired() as pair:
        pair.server.say(MADE, listed(VERBATIM), FAILURES["401"])
        with capture_logs() as logs:
            await pair.duffel.search(QUERY)
            with pytest.raises(Unavailable):
                await pair.duffel.search(QUERY)
        assert "CARAVAN_DUFFEL_KEY" in str(logs)
        said = " ".join(record.getMessage() for record in caplog.records)
        assert "duffel_test_sandbox" not in said + str(logs) + repr(pair.duffel)
