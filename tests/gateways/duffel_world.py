"""The sandbox's Duffel without a socket: its machine, its records, and a client's usual words."""

import gzip
import json
from dataclasses import dataclass, field
from typing import Any

from gateways.sandbox.clock import advance
from gateways.sandbox.duffel import DuffelMachine
from gateways.sandbox.exchange import Request, Response
from gateways.sandbox.faults import DomainAction, Fired
from gateways.sandbox.performing import perform
from gateways.sandbox.records import Draft, Memory
from gateways.sandbox.world import World

WALL = 1_810_000_000_000  # 2027-05-11T01:46:40Z
Json = dict[str, Any]
HEADERS = {
    "authorization": "Bearer duffel_test_sandbox",
    "duffel-version": "v2",
    "accept": "application/json",
    "content-type": "application/json",
}


@dataclass
class DuffelWorld:
    """Requests go through the same door as the shell's."""

    machine: DuffelMachine = field(default_factory=DuffelMachine)
    world: World = field(default_factory=lambda: World("test"))
    records: Memory = field(default_factory=Memory)
    volatile: Memory = field(default_factory=Memory)
    wall: int = WALL

    def send(
        self,
        method: str,
        path: str,
        data: object = None,
        *,
        faults: tuple[DomainAction, ...] = (),
        headers: dict[str, str] | None = None,
        body: bytes | None = None,
        **query: str,
    ) -> Response:
        posted = b"" if data is None else json.dumps({"data": data}).encode()
        records, volatile = Draft(self.records), Draft(self.volatile)
        request = Request(
            method=method,
            path=path,
            query=tuple(query.items()),
            headers=HEADERS if headers is None else headers,
            body=posted if body is None else body,
        )
        done = perform(
            self.machine,
            request,
            world=self.world,
            records=records,
            volatile=volatile,
            wall=self.wall,
            fired=[Fired(rule_id="1", action=each) for each in faults],
        )
        self.records.commit(records.changes)
        self.volatile.commit(volatile.changes)
        return done.response

    def ask(self, method: str, path: str, data: object = None, **more: Any) -> Any:
        """The answer's `data`; the request is expected to succeed."""
        response = self.send(method, path, data, **more)
        assert response.status in (200, 201), response.body
        return payload(response)["data"]

    def refused(self, method: str, path: str, data: object = None, **more: Any) -> tuple[int, str]:
        """Status and first code."""
        response = self.send(method, path, data, **more)
        return response.status, payload(response)["errors"][0]["code"]

    def advance(self, minutes: float) -> None:
        draft = Draft(self.records)
        advance(draft, round(minutes * 60_000))
        self.records.commit(draft.changes)

    def search(self, **changes: Any) -> Json:
        """An offer request with its offers: two adults, one way."""
        return dict(self.ask("POST", "/air/offer_requests", search(**changes)))

    def hold(self, offer: Json, **changes: Any) -> Json:
        return dict(self.ask("POST", "/air/orders", order(offer, **changes)))


def payload(response: Response) -> Any:
    is_zipped = ("content-encoding", "gzip") in response.headers
    return json.loads(gzip.decompress(response.body) if is_zipped else response.body)


def search(**changes: Any) -> Json:
    return {
        "slices": [{"origin": "PAR", "destination": "NCE", "departure_date": "2027-06-14"}],
        "passengers": [{"type": "adult"}, {"type": "adult"}],
        **changes,
    }


def traveller(passenger: Json, **changes: Any) -> Json:
    born = {"adult": "1990-02-03", "child": "2019-01-01", "infant_without_seat": "2026-06-01"}
    return {
        "id": passenger["id"],
        "given_name": "Ana",
        "family_name": "Test",
        "born_on": born[passenger["type"]],
        "gender": "f",
        "title": "ms",
        "email": "ana@example.test",
        "phone_number": "+33600000001",
        **changes,
    }


def order(offer: Json, **changes: Any) -> Json:
    return {
        "type": "hold",
        "selected_offers": [offer["id"]],
        "passengers": [traveller(each) for each in offer["passengers"]],
        "metadata": {"reference": "saga-1"},
        **changes,
    }


def balance(offer: Json) -> Json:
    return {
        "type": "balance",
        "amount": offer["total_amount"],
        "currency": offer["total_currency"],
    }
