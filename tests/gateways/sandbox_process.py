"""A real sandbox process, and the official SDK as its client."""

import json
import logging
import signal
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import amadeus
import httpx

ROOT = Path(__file__).parents[2]
DAY_MS = 86_400_000
Json = dict[str, Any]


class SandboxProcess:
    """Owns: the process. `urls` by supplier and "control"."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.urls: dict[str, str] = {}
        self.http = httpx.Client(trust_env=False, verify=False)
        self._process: subprocess.Popen[str] | None = None

    def start(self) -> None:
        command = [sys.executable, "main.py", "sandbox", "--data", str(self.data)]
        self._process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        self.urls = json.loads(self._process.stdout.readline())

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self._process is not None
        self._process.send_signal(number)
        status = self._process.wait(timeout=10)
        assert self._process.stdout is not None
        self._process.stdout.close()
        self.http.close()
        self.http = httpx.Client(trust_env=False, verify=False)
        return status

    def control(self, method: str, path: str, body: Any = None) -> Any:
        """The answer's JSON. The control port never refuses what tests ask."""
        answer = self.steer(method, path, body)
        assert answer.is_success, answer.text
        return answer.json()

    def steer(self, method: str, path: str, body: Any = None) -> httpx.Response:
        return self.http.request(method, f"{self.urls['control']}/_sandbox/{path}", json=body)

    def rule(self, action: Json, **match: Any) -> None:
        self.control("POST", "rules", {"match": {"api": "amadeus", **match}, "action": action})

    @contextmanager
    def options(self, **changed: Any) -> Iterator[None]:
        before = self.control("GET", "amadeus/options")
        self.control("POST", "amadeus/options", changed)
        try:
            yield
        finally:
            self.control("POST", "amadeus/options", before)

    def advance(self, by: timedelta) -> None:
        self.control("POST", "clock", {"advanceMs": by // timedelta(milliseconds=1)})

    def to_midnight(self) -> None:
        """A minute after it, UTC: no price moves for hours."""
        now = datetime.fromisoformat(self.control("GET", "clock")["at"])
        next_day = datetime.combine(now.date() + timedelta(days=1), datetime.min.time(), now.tzinfo)
        self.advance(next_day - now + timedelta(minutes=1))

    def today(self) -> date:
        return datetime.fromisoformat(self.control("GET", "clock")["at"]).date()

    def port(self, name: str = "amadeus") -> int:
        return int(self.urls[name].rpartition(":")[2])


def sdk(port: int, *, client_id: str = "sbx", timeout: float = 10.0) -> amadeus.Client:
    """The unmodified client; only the transport has a timeout and no proxy."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    return amadeus.Client(
        client_id=client_id,
        client_secret="sbx",
        host="127.0.0.1",
        port=port,
        ssl=False,
        logger=logging.getLogger("sandbox-sdk"),
        http=lambda request: opener.open(request, timeout=timeout),
    )


def cheapest(client: amadeus.Client, day: date, **query: Any) -> Json:
    """The first offer from Paris to Nice."""
    found = client.shopping.flight_offers_search.get(
        **{
            "originLocationCode": "PAR",
            "destinationLocationCode": "NCE",
            "departureDate": str(day),
            "adults": 1,
            "max": 1,
            **query,
        }
    )
    return dict(found.data[0])


def order_body(offers: Sequence[Json], **members: Any) -> Json:
    """One adult for each traveller of the first offer."""
    travelers = [
        {
            "id": each["travelerId"],
            "dateOfBirth": "1990-02-03",
            "gender": "FEMALE",
            "name": {"firstName": "ANA", "lastName": "TEST"},
            "contact": {"emailAddress": "ana@example.test"},
        }
        for each in offers[0]["travelerPricings"]
    ]
    data = {"type": "flight-order", "flightOffers": list(offers), "travelers": travelers}
    return {"data": {**data, **members}}


def ordered(client: amadeus.Client, offer: Json, **members: Any) -> Json:
    return dict(client.post("/v1/booking/flight-orders", order_body([offer], **members)).data)
