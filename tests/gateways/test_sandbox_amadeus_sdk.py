"""The unmodified official SDK against a running sandbox: what it raises, and for what reason.

One test per row of the two tables that the adapter relies on: the SDK's exceptions, Amadeus' codes.
"""

import http.client
import signal
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import amadeus
import pytest
from sandbox_process import SandboxProcess, cheapest, order_body, ordered, sdk

ORDERS = "/v1/booking/flight-orders"
SEARCH = "/flight-offers$"


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxProcess]:
    sandbox = SandboxProcess(tmp_path_factory.mktemp("sandbox") / "sandbox.db")
    sandbox.start()
    sandbox.to_midnight()
    sandbox.control("POST", "amadeus/options", {"tps": None})
    yield sandbox
    assert sandbox.stop() == 0


@pytest.fixture
def client(sandbox: SandboxProcess) -> Iterator[amadeus.Client]:
    yield sdk(sandbox.port())
    sandbox.control("DELETE", "rules")


@pytest.fixture
def day(sandbox: SandboxProcess) -> Any:
    return sandbox.today() + timedelta(days=60)


def refusal(raised: pytest.ExceptionInfo[Any]) -> dict[str, Any]:
    return dict(raised.value.response.result["errors"][0])


def search(client: amadeus.Client, day: Any, **query: Any) -> Any:
    return client.shopping.flight_offers_search.get(
        originLocationCode="PAR",
        destinationLocationCode="NCE",
        departureDate=str(day),
        adults=1,
        max=1,
        **query,
    )


def flood(client: amadeus.Client) -> None:
    for _ in range(200):
        client.reference_data.locations.get(keyword="NCE", subType="CITY")


class TestWhatTheSdkRaises:
    def test_json_of_a_bare_type_is_parsed(self, client: amadeus.Client, day: Any) -> None:
        found = search(client, day)
        assert (found.status_code, found.parsed) == (200, True)
        assert found.headers["Content-Type"] == "application/vnd.amadeus+json"

    def test_204_has_no_data(self, client: amadeus.Client, day: Any) -> None:
        order = ordered(client, cheapest(client, day))
        deleted = client.booking.flight_order(order["id"]).delete()
        assert (deleted.status_code, deleted.data) == (204, None)

    def test_a_charset_breaks_its_parser(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any
    ) -> None:
        sandbox.rule({"type": "wrong_content_type"}, pathRegex=SEARCH)
        with pytest.raises(amadeus.ParserError):
            search(client, day)

    @pytest.mark.parametrize("status", [200, 500])
    def test_broken_json_is_a_parser_error_whatever_the_status(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any, status: int
    ) -> None:
        sandbox.rule({"type": "bad_json"}, pathRegex=SEARCH)
        if status == 500:
            sandbox.rule({"type": "status", "code": 500}, pathRegex=SEARCH)
        with pytest.raises(amadeus.ParserError) as raised:
            search(client, day)
        assert raised.value.response.status_code == status

    @pytest.mark.parametrize(
        ("status", "error"),
        [
            (500, amadeus.ServerError),
            (401, amadeus.AuthenticationError),
            (404, amadeus.NotFoundError),
            (400, amadeus.ClientError),
            (403, amadeus.ClientError),
            (429, amadeus.ClientError),
        ],
    )
    def test_a_status_has_its_exception(
        self,
        client: amadeus.Client,
        sandbox: SandboxProcess,
        day: Any,
        status: int,
        error: type[Exception],
    ) -> None:
        sandbox.rule({"type": "status", "code": status}, pathRegex=SEARCH)
        with pytest.raises(error) as raised:
            search(client, day)
        assert type(raised.value) is error

    def test_a_port_where_nobody_listens_is_a_network_error(self, day: Any) -> None:
        with pytest.raises(amadeus.NetworkError) as raised:
            search(sdk(1), day)
        assert raised.value.response.status_code is None

    def test_a_timeout_comes_out_raw(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any
    ) -> None:
        hasty = sdk(sandbox.port(), timeout=0.3)
        search(hasty, day)
        sandbox.rule({"type": "hang_before_effect"}, pathRegex=SEARCH)
        with pytest.raises(TimeoutError):
            search(hasty, day)

    def test_a_reset_comes_out_raw(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any
    ) -> None:
        search(client, day)
        sandbox.rule({"type": "reset_before"}, pathRegex=SEARCH)
        with pytest.raises(ConnectionResetError):
            search(client, day)

    def test_half_a_body_comes_out_raw(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any
    ) -> None:
        sandbox.rule({"type": "truncate_body"}, pathRegex=SEARCH)
        with pytest.raises(http.client.IncompleteRead):
            search(client, day)


class TestWhoMayCall:
    def test_an_unknown_token_is_38190(
        self, client: amadeus.Client, day: Any, sandbox: SandboxProcess
    ) -> None:
        answer = sandbox.http.get(
            f"{sandbox.urls['amadeus']}/v2/shopping/flight-offers",
            headers={"Authorization": "Bearer nobody"},
        )
        assert answer.status_code == 401
        assert answer.json()["errors"][0]["code"] == 38190

    def test_a_missing_header_is_38191_as_text(self, sandbox: SandboxProcess) -> None:
        answer = sandbox.http.get(f"{sandbox.urls['amadeus']}/v2/shopping/flight-offers")
        error = answer.json()["errors"][0]
        assert (answer.status_code, error["code"], error["status"]) == (401, "38191", "401")

    @pytest.mark.parametrize(("fault", "code"), [("token_expire", 38192), ("token_revoke", 38193)])
    def test_a_token_that_is_no_good_any_more_is_told_why_and_a_new_one_works(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any, fault: str, code: int
    ) -> None:
        search(client, day)
        sandbox.rule({"type": fault}, pathRegex=SEARCH)
        for _ in range(2):
            with pytest.raises(amadeus.AuthenticationError) as raised:
                search(client, day)
            assert refusal(raised)["code"] == code
        del client.access_token
        assert search(client, day).status_code == 200

    def test_wrong_credentials_are_38187_in_another_shape(self, sandbox: SandboxProcess) -> None:
        client = sdk(sandbox.port())
        client.client_secret = "wrong"
        with pytest.raises(amadeus.AuthenticationError) as raised:
            client.reference_data.locations.get(keyword="PAR", subType="CITY")
        assert raised.value.response.result["code"] == 38187
        assert raised.value.response.result["error"] == "invalid_client"

    def test_another_grant_is_38187_with_400(self, sandbox: SandboxProcess) -> None:
        answer = sandbox.http.post(
            f"{sandbox.urls['amadeus']}/v1/security/oauth2/token", data={"grant_type": "password"}
        )
        assert (answer.status_code, answer.json()["error"]) == (400, "unsupported_grant_type")
        assert answer.json()["code"] == 38187

    def test_a_token_tells_its_state(self, client: amadeus.Client, day: Any) -> None:
        search(client, day)
        token = client.access_token.access_token
        shown = client.get(f"/v1/security/oauth2/token/{token}").result
        assert (shown["state"], shown["client_id"]) == ("approved", "sbx")
        assert 0 < shown["expires_in"] <= 1_799

    def test_the_eleventh_request_of_a_second_is_38194(self, sandbox: SandboxProcess) -> None:
        with sandbox.options(tps=10):
            client = sdk(sandbox.port(), client_id="hurried")
            with pytest.raises(amadeus.ClientError) as raised:
                flood(client)
            assert raised.value.response.status_code == 429
            assert refusal(raised)["code"] == 38194

    def test_more_than_the_months_quota_is_38195(self, sandbox: SandboxProcess) -> None:
        with sandbox.options(quota=1):
            client = sdk(sandbox.port(), client_id="frugal")
            client.reference_data.locations.get(keyword="NCE", subType="CITY")
            with pytest.raises(amadeus.ClientError) as raised:
                client.reference_data.locations.get(keyword="NCE", subType="CITY")
            assert (raised.value.response.status_code, refusal(raised)["code"]) == (429, 38195)

    def test_a_bad_address_is_38196(self, client: amadeus.Client) -> None:
        with pytest.raises(amadeus.NotFoundError) as raised:
            client.get("/v9/nothing")
        assert refusal(raised)["code"] == 38196


BAD_SEARCHES = [
    ({"originLocationCode": "par"}, 477, "originLocationCode"),
    ({"departureDate": "tomorrow"}, 477, "departureDate"),
    ({"departureDate": "2020-01-01"}, 425, "departureDate"),
    ({"departureDate": None}, 32171, "departureDate"),
    ({"infants": 2}, 2668, "infants"),
    ({"children": 9}, 2668, "children"),
    ({"includedAirlineCodes": "YY", "excludedAirlineCodes": "ZZ"}, 2668, "excludedAirlineCodes"),
    ({"travelClass": "ROOF"}, 572, "travelClass"),
    ({"destinationLocationCode": "PAR"}, 4926, "destinationLocationCode"),
]


class TestWhatIsRefused:
    @pytest.mark.parametrize(("changed", "code", "parameter"), BAD_SEARCHES)
    def test_a_wrong_query_names_its_parameter(
        self,
        client: amadeus.Client,
        day: Any,
        changed: dict[str, Any],
        code: int,
        parameter: str,
    ) -> None:
        query = {
            "originLocationCode": "PAR",
            "destinationLocationCode": "NCE",
            "departureDate": str(day),
            "adults": 1,
        }
        query = {key: value for key, value in {**query, **changed}.items() if value is not None}
        with pytest.raises(amadeus.ClientError) as raised:
            client.shopping.flight_offers_search.get(**query)
        error = refusal(raised)
        assert (error["code"], error["source"]["parameter"]) == (code, parameter)
        assert f"[{parameter}]" in str(raised.value)

    def test_a_length_is_2781(self, client: amadeus.Client) -> None:
        with pytest.raises(amadeus.ClientError) as raised:
            client.reference_data.locations.cities.get(keyword="P")
        assert refusal(raised)["code"] == 2781

    def test_too_many_are_10661_by_pointer(self, client: amadeus.Client, day: Any) -> None:
        with pytest.raises(amadeus.ClientError) as raised:
            client.shopping.flight_offers.pricing.post([cheapest(client, day)] * 7)
        assert refusal(raised)["code"] == 10661
        assert refusal(raised)["source"] == {"pointer": "/data/flightOffers"}

    def test_an_entity_that_there_is_not_is_1797(self, client: amadeus.Client) -> None:
        for call in (
            client.booking.flight_order("eJzTd9f3NjIJCzYH").get,
            client.booking.flight_order("eJzTd9f3NjIJCzYH").delete,
            client.shopping.hotel_offer_search("ABC").get,
            client.shopping.activity("1").get,
            client.reference_data.location("AQQQ").get,
        ):
            with pytest.raises(amadeus.NotFoundError) as raised:
                call()
            assert refusal(raised)["code"] == 1797

    def test_an_offer_that_is_none_is_4926(self, client: amadeus.Client, day: Any) -> None:
        offer = cheapest(client, day)
        offer["itineraries"][0]["segments"][0]["number"] = "1"
        with pytest.raises(amadeus.ClientError) as raised:
            client.shopping.flight_offers.pricing.post(offer)
        assert refusal(raised)["code"] == 4926

    def test_sold_out_is_34651_and_names_the_segment(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any
    ) -> None:
        offer = cheapest(client, day)
        sandbox.rule({"type": "sell_out"}, pathRegex=f"{ORDERS}$")
        with pytest.raises(amadeus.ClientError) as raised:
            ordered(client, offer)
        error = refusal(raised)
        assert (error["code"], error["detail"]) == (34651, "Could not sell segment 1")
        assert error["source"]["pointer"] == "/data/flightOffers[0]/itineraries[0]/segments[0]"

    def test_another_price_is_37200_unless_within_the_margin(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any
    ) -> None:
        offer = cheapest(client, day)
        sandbox.control(
            "POST",
            "rules",
            {
                "match": {"api": "amadeus", "pathRegex": f"{ORDERS}$"},
                "action": {"type": "price_drift", "percent": 5},
                "times": 3,
            },
        )
        with pytest.raises(amadeus.ClientError) as raised:
            ordered(client, offer)
        assert refusal(raised)["code"] == 37200
        price = {**offer["price"], "margin": "1"}
        with pytest.raises(amadeus.ClientError):
            ordered(client, {**offer, "price": price})
        price["margin"] = "10"
        assert ordered(client, {**offer, "price": price})["type"] == "flight-order"

    def test_a_form_of_payment_is_477(self, client: amadeus.Client, day: Any) -> None:
        with pytest.raises(amadeus.ClientError) as raised:
            ordered(client, cheapest(client, day), formOfPayments=[{"other": {}}])
        assert refusal(raised)["code"] == 477
        assert refusal(raised)["source"] == {"pointer": "/data/formOfPayments"}

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            *((400, code) for code in (34107, 38034, 36870, 9112, 1304)),
            (401, 39683),
            (401, 39686),
            (403, 38197),
            (500, 141),
            (500, 38189),
        ],
    )
    def test_any_other_code_can_be_had_by_a_rule_and_nothing_is_sold(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any, status: int, code: int
    ) -> None:
        offer = cheapest(client, day)
        errors = [{"status": status, "code": code, "title": "TITLE"}]
        sandbox.rule({"type": "status", "code": status, "errors": errors}, pathRegex=f"{ORDERS}$")
        before = sandbox.control("GET", "pnrs")["data"]
        with pytest.raises(amadeus.ResponseError) as raised:
            ordered(client, offer)
        assert (raised.value.response.status_code, refusal(raised)["code"]) == (status, code)
        assert sandbox.control("GET", "pnrs")["data"] == before

    def test_the_status_of_the_body_can_differ(
        self, client: amadeus.Client, sandbox: SandboxProcess, day: Any
    ) -> None:
        sandbox.rule({"type": "status_mismatch"}, pathRegex=SEARCH)
        with pytest.raises(amadeus.ClientError) as raised:
            search(client, day)
        assert raised.value.response.status_code == 400
        assert (refusal(raised)["status"], refusal(raised)["code"]) == (500, 141)


class TestWhatIsAmbiguous:
    @pytest.mark.parametrize(
        ("action", "error", "is_done"),
        [
            ({"type": "html_502"}, amadeus.ServerError, False),
            ({"type": "html_502", "afterEffect": True}, amadeus.ServerError, True),
            ({"type": "status", "code": 503, "afterEffect": True}, amadeus.ServerError, True),
            ({"type": "status", "code": 504}, amadeus.ServerError, False),
            ({"type": "hang_before_effect"}, TimeoutError, False),
            ({"type": "hang_after_effect"}, TimeoutError, True),
            ({"type": "reset_before"}, ConnectionResetError, False),
            ({"type": "reset_after"}, ConnectionResetError, True),
        ],
    )
    def test_an_order_without_an_answer_is_found_by_its_remark_or_is_not_there(
        self,
        client: amadeus.Client,
        sandbox: SandboxProcess,
        day: Any,
        action: dict[str, Any],
        error: type[Exception],
        is_done: bool,
    ) -> None:
        offer = cheapest(client, day)
        remark = f"CARAVAN SAGA {action['type']}{is_done}{action.get('code')}"
        note = {"general": [{"subType": "GENERAL_MISCELLANEOUS", "text": remark}]}
        sandbox.rule(action, pathRegex=f"{ORDERS}$", bodyRegex=remark)
        last = max((e["seq"] for e in sandbox.control("GET", "journal")["data"]), default=0)
        hasty = sdk(sandbox.port(), timeout=0.5)
        with pytest.raises(error):
            ordered(hasty, offer, remarks=note)
        (entry,) = sandbox.control("GET", f"journal?after={last}")["data"]
        assert (entry["action"], entry["effect"] == "now") == (action["type"], is_done)
        found = sandbox.control("GET", f"pnrs?remark={remark}")["data"]
        assert len(found) == is_done
        for each in found:
            assert client.booking.flight_order(each["id"]).get().data["remarks"] == note


def test_killed_amid_everything_it_has_lost_nothing(tmp_path: Path) -> None:
    sandbox = SandboxProcess(tmp_path / "sandbox.db")
    sandbox.start()
    sandbox.to_midnight()
    sandbox.control("POST", "amadeus/options", {"tps": None})
    day = sandbox.today() + timedelta(days=30)
    client = sdk(sandbox.port())
    agreement = {"option": "DELAY_TO_CANCEL", "delay": "2D"}
    offer = cheapest(client, day)
    kept = ordered(client, offer, ticketingAgreement=agreement)
    sandbox.rule({"type": "hang_after_effect"}, pathRegex=f"{ORDERS}$")
    note = {"general": [{"subType": "GENERAL_MISCELLANEOUS", "text": "LOST"}]}
    with pytest.raises(TimeoutError):
        ordered(sdk(sandbox.port(), timeout=0.4), offer, remarks=note)
    token = client.access_token
    assert sandbox.stop(signal.SIGKILL) == -signal.SIGKILL
    sandbox.start()
    assert sandbox.today() == day - timedelta(days=30)
    again = sdk(sandbox.port())
    again.access_token = token
    assert again.booking.flight_order(kept["id"]).get().data == kept
    (lost,) = sandbox.control("GET", "pnrs?remark=LOST")["data"]
    assert again.booking.flight_order(lost["id"]).get().status_code == 200
    sandbox.advance(timedelta(days=2))
    with pytest.raises(amadeus.NotFoundError):
        again.booking.flight_order(kept["id"]).get()
    assert again.booking.flight_order(lost["id"]).get().status_code == 200
    assert sandbox.stop() == 0


def test_bodies_that_are_no_orders_are_refused_by_pointer(
    client: amadeus.Client, day: Any, sandbox: SandboxProcess
) -> None:
    body = order_body([cheapest(client, day)])
    body["data"]["travelers"][0]["dateOfBirth"] = "yesterday"
    with pytest.raises(amadeus.ClientError) as raised:
        client.post(ORDERS, body)
    assert refusal(raised)["source"] == {"pointer": "/data/travelers[0]/dateOfBirth"}
