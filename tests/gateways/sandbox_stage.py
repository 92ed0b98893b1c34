"""A machine without a process: records in memory, a wall clock that stands, requests by hand."""

import json
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode

from gateways.sandbox import faults
from gateways.sandbox.amadeus import AmadeusMachine
from gateways.sandbox.clock import advance, instant
from gateways.sandbox.exchange import Machine, Request, Response, Setting
from gateways.sandbox.performing import Performance, perform
from gateways.sandbox.records import Draft, Memory
from gateways.sandbox.world import World

START = round(datetime(2027, 3, 1, 0, 1, tzinfo=UTC).timestamp() * 1_000)
WORLD = World("stage")
Json = dict[str, Any]


class Stage:
    """Owns: the records. `wall` is moved by tests."""

    def __init__(self, world: World = WORLD, machine: Machine | None = None) -> None:
        self.world = world
        self.machine = machine or AmadeusMachine()
        self.records = Memory()
        self.volatile = Memory()
        self.wall = START
        self._token: str | None = None

    @property
    def today(self) -> date:
        return instant(self.wall, self.records).today

    def perform(
        self, method: str, path: str, *, body: Any = None, token: str | None = None, **query: Any
    ) -> Performance:
        text = urlencode({key: str(value) for key, value in query.items()})
        request = Request(
            method=method,
            path=path,
            query=tuple((key, str(value)) for key, value in query.items()),
            headers={} if token is None else {"authorization": f"Bearer {token}"},
            body=body if isinstance(body, bytes) else json.dumps(body).encode(),
            target=f"{path}?{text}",
        )
        records, volatile = Draft(self.records), Draft(self.volatile)
        fired = faults.decide(
            records, api=self.machine.name, method=method, path=path, body=request.body
        )
        done = perform(
            self.machine,
            request,
            world=self.world,
            records=records,
            volatile=volatile,
            wall=self.wall,
            fired=fired,
        )
        self.records.commit(records.changes)
        self.volatile.commit(volatile.changes)
        return done

    def ask(self, method: str, path: str, *, body: Any = None, **query: Any) -> Response:
        """As a client with a good token that is never too fast."""
        if self._token is None:
            self._token = self.token()
            self.control("POST", "amadeus/options", {"tps": None})
        return self.perform(method, path, body=body, token=self._token, **query).response

    def get(self, path: str, **query: Any) -> Json:
        answer = self.ask("GET", path, **query)
        assert answer.status == 200, answer.body
        return dict(json.loads(answer.body))

    def token(self, client: str = "sbx") -> str:
        form = f"grant_type=client_credentials&client_id={client}&client_secret=s".encode()
        granted = self.perform("POST", "/v1/security/oauth2/token", body=form).response
        return str(json.loads(granted.body)["access_token"])

    def control(self, method: str, path: str, body: Any = None) -> Response:
        """Of the machine alone: the clock and the rules have methods of their own."""
        draft = Draft(self.records)
        setting = Setting(
            now=instant(self.wall, draft),
            world=self.world,
            records=draft,
            volatile=Draft(self.volatile),
        )
        path, _, query = path.partition("?")
        pairs = tuple(parse_qsl(query))
        request = Request(
            method=method,
            path=f"/_sandbox/{path}",
            query=pairs,
            headers={},
            body=json.dumps(body).encode(),
        )
        response = self.machine.control(request, setting)
        assert response is not None
        self.records.commit(draft.changes)
        return response

    def rule(self, action: Json, *, times: int | None = 1, **match: Any) -> None:
        draft = Draft(self.records)
        faults.add_rule(draft, {"match": match, "action": action, "times": times})
        self.records.commit(draft.changes)

    def advance(self, by: timedelta) -> None:
        draft = Draft(self.records)
        advance(draft, by // timedelta(milliseconds=1))
        self.records.commit(draft.changes)

    def offers(self, day: date, **query: Any) -> list[Json]:
        wanted = {
            "originLocationCode": "PAR",
            "destinationLocationCode": "NCE",
            "departureDate": day,
            "adults": 1,
            **query,
        }
        return list(self.get("/v2/shopping/flight-offers", **wanted)["data"])

    def order(self, offers: Sequence[Json], **members: Any) -> Response:
        travelers = [
            {
                "id": each["travelerId"],
                "dateOfBirth": {"CHILD": "2020-02-03", "HELD_INFANT": "2026-02-03"}.get(
                    each["travelerType"], "1990-02-03"
                ),
                "name": {"firstName": "ANA", "lastName": "TEST"},
                "contact": {"emailAddress": "ana@example.test"},
            }
            for each in offers[0]["travelerPricings"]
        ]
        data = {"type": "flight-order", "flightOffers": list(offers), "travelers": travelers}
        return self.ask("POST", "/v1/booking/flight-orders", body={"data": {**data, **members}})


def code_of(response: Response) -> Any:
    return json.loads(response.body)["errors"][0]["code"]
