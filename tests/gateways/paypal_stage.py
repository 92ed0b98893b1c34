"""The sandbox's PayPal for tests: the machine alone, without a socket."""

import base64
import json
from typing import Any

import msgspec

from gateways.sandbox import faults
from gateways.sandbox.clock import advance
from gateways.sandbox.exchange import Request, Response
from gateways.sandbox.paypal import PayPalMachine
from gateways.sandbox.performing import Sandbox
from gateways.sandbox.records import Draft, Memory
from gateways.sandbox.world import World

START = 1_803_859_260_000
HOUR, DAY = 3_600_000, 86_400_000
HOOK = "http://127.0.0.1:1/webhooks/paypal"
Json = dict[str, Any]


class PayPalStage:
    """Owns: the records, in memory. `wall` is moved by tests."""

    def __init__(self) -> None:
        self.wall = START
        self.store = Memory()
        self.machine = PayPalMachine()
        self.sandbox = Sandbox(
            world=World("stage"),
            store=self.store,
            machines=(self.machine,),
            wall=lambda: self.wall,
        )
        basic = base64.b64encode(b"id:secret").decode()
        asked = Request(
            method="POST",
            path="/v1/oauth2/token",
            headers={"authorization": f"Basic {basic}"},
            body=b"grant_type=client_credentials",
        )
        answer = self.sandbox.perform(self.machine, asked).response
        self.token = json.loads(answer.body)["access_token"]

    def send(self, method: str, path: str, given: Any = None, **headers: str) -> Response:
        path, _, query = path.partition("?")
        request = Request(
            method=method,
            path=path,
            query=tuple((k, v) for k, _, v in (p.partition("=") for p in query.split("&") if p)),
            headers={
                "authorization": f"Bearer {self.token}",
                "prefer": "return=representation",
                **{name.replace("_", "-"): value for name, value in headers.items()},
            },
            body=b"" if given is None else msgspec.json.encode(given),
        )
        return self.sandbox.perform(self.machine, request).response

    def post(self, path: str, given: Any = None, *, status: int = 201, **headers: str) -> Json:
        answer = self.send("POST", path, given, **headers)
        assert answer.status == status, answer.body
        return dict(json.loads(answer.body or b"{}"))

    def get(self, path: str, *, status: int = 200) -> Json:
        answer = self.send("GET", path)
        assert answer.status == status, answer.body
        return dict(json.loads(answer.body))

    def refused(self, path: str, given: Any = None) -> str:
        """Its issue."""
        said = self.post(path, given, status=422)
        assert said["name"] == "UNPROCESSABLE_ENTITY"
        assert said["debug_id"]
        return str(said["details"][0]["issue"])

    def control(self, method: str, path: str, given: Any = None) -> Response:
        path, _, query = path.partition("?")
        request = Request(
            method=method,
            path=f"/_sandbox/paypal/{path}",
            query=tuple((k, v) for k, _, v in (p.partition("=") for p in query.split("&") if p)),
            headers={},
            body=b"" if given is None else msgspec.json.encode(given),
        )
        answer = self.sandbox.alter(lambda setting: self.machine.control(request, setting))
        assert answer is not None
        return answer

    def opened(self, value: str = "33.34", currency: str = "EUR") -> str:
        unit = {
            "amount": {"currency_code": currency, "value": value},
            "custom_id": "b1|s1|1|1",
        }
        given = {"intent": "AUTHORIZE", "purchase_units": [unit]}
        return str(self.post("/v2/checkout/orders", given)["id"])

    def confirmed(self) -> str:
        id_ = self.opened()
        context = {"return_url": "https://c.example/b", "cancel_url": "https://c.example/x"}
        given = {"payment_source": {"paypal": {"experience_context": context}}}
        self.post(f"/v2/checkout/orders/{id_}/confirm-payment-source", given, status=200)
        return id_

    def approved(self, funding: str = "") -> str:
        id_ = self.opened()
        assert self.control("POST", f"orders/{id_}/approve?funding={funding}").status == 200
        return id_

    def held(self) -> tuple[str, str]:
        """The order and its authorization."""
        id_ = self.approved()
        order = self.post(f"/v2/checkout/orders/{id_}/authorize")
        return id_, str(order["purchase_units"][0]["payments"]["authorizations"][0]["id"])

    def captured(self) -> tuple[str, str]:
        """The order and its capture."""
        id_, authorization = self.held()
        return id_, str(self.post(f"/v2/payments/authorizations/{authorization}/capture")["id"])

    def effects(self) -> list[tuple[str, int]]:
        found = json.loads(self.control("GET", "effects").body)["data"]
        return [(each["effect"], each["amount"]) for each in found]

    def rule(self, action: Json, **match: Any) -> None:
        posted = {"match": match, "action": action, "times": 1}
        self.sandbox.alter(lambda setting: faults.add_rule(setting.records, posted))

    def advance(self, by_ms: int) -> None:
        """Business time; due things happen as they would after a control request."""
        draft = Draft(self.store)
        advance(draft, by_ms)
        self.store.commit(draft.changes)
        self.sandbox.alter(self.machine.settle)
