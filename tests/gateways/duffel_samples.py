"""Answers in Duffel's form, and a server on loopback that says exactly the bytes it is told to."""

import json
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio

from protocol.travel import FlightQuery, Party

NOW = 1_810_000_000_000  # 2027-05-11T01:46:40Z
QUERY = FlightQuery(
    origin="LIS",
    destination="NCE",
    depart_on="2027-06-14",
    party=Party(adults=2, children_ages=(8, 1)),
)

VERBATIM = b"""{ "id":"off_0001sample",  "total_amount":"412.06","total_currency":"EUR",
 "base_amount":"380.00", "base_currency":"EUR", "tax_amount":"32.06", "tax_currency":"EUR",
 "expires_at":"2027-05-11T02:16:40.120Z","created_at":"2027-05-11T01:46:40.120Z", "live_mode":false,
 "owner":{"iata_code":"ZZ","id":"arl_1","name":"Zephyr"}, "a_field_of_next_year":{"deep":[1, 2.50]},
 "payment_requirements":{"requires_instant_payment":false,
   "payment_required_by":"2027-05-14T01:46:40Z","price_guarantee_expires_at":null},
 "conditions":{"refund_before_departure":{"allowed":true,"penalty_amount":"40.00","penalty_currency":"EUR"},
   "change_before_departure":null},
 "passengers":[{"id":"pas_1","type":"adult","age":null},{"id":"pas_2","type":"adult"},
   {"id":"pas_3","type":"child","age":8},{"id":"pas_4","type":"infant_without_seat","age":1}],
 "slices":[{"id":"sli_1","duration":"PT05H10M","fare_brand_name":"Basic",
   "origin":{"iata_code":"LIS"},"destination":{"iata_code":"NCE"},
   "segments":[
    {"id":"seg_1","origin":{"iata_code":"LIS"},"destination":{"iata_code":"MAD"},
     "departing_at":"2027-06-14T08:10:00","arriving_at":"2027-06-14T10:30:00","duration":"PT01H20M",
     "marketing_carrier":{"iata_code":"ZZ","name":"Zephyr"},"marketing_carrier_flight_number":"0482",
     "operating_carrier":{"iata_code":"YY","name":"Other"},"operating_carrier_flight_number":null,
     "passengers":[
      {"passenger_id":"pas_1","cabin_class":"economy","fare_basis_code":"OXZ0RO","baggages":[{"type":"checked","quantity":1},{"type":"carry_on","quantity":1}]},
      {"passenger_id":"pas_2","cabin_class":"economy","baggages":[{"type":"checked","quantity":2}]},
      {"passenger_id":"pas_3","cabin_class":"economy","baggages":[{"type":"checked","quantity":1}]},
      {"passenger_id":"pas_4","cabin_class":"economy","baggages":[]}]},
    {"id":"seg_2","origin":{"iata_code":"MAD"},"destination":{"iata_code":"NCE"},
     "departing_at":"2027-06-14T12:20:00","arriving_at":"2027-06-14T14:20:00","duration":null,
     "marketing_carrier":{"iata_code":null,"name":"Charter Nine"},"marketing_carrier_flight_number":"9",
     "passengers":[{"passenger_id":"pas_1","cabin_class":"business","baggages":[{"type":"checked","quantity":1}]}]}]}]}"""


def offer(**changes: Any) -> dict[str, Any]:
    """`VERBATIM`, parsed, with these keys at its top changed."""
    return {**json.loads(VERBATIM), **changes}


def answer(payload: object, status: int = 200, headers: Sequence[tuple[str, str]] = ()) -> bytes:
    """A whole HTTP response. `payload`: bytes as they are, else JSON."""
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    lines = [
        f"HTTP/1.1 {status} Said",
        "Content-Type: application/json; charset=utf-8",
        f"Content-Length: {len(body)}",
        *(f"{name}: {value}" for name, value in headers),
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


def fault(status: int, kind: str, code: str, **headers: str) -> bytes:
    payload = {
        "errors": [
            {
                "type": kind,
                "code": code,
                "title": code.replace("_", " "),
                "message": f"About {code}.",
                "documentation_url": "https://duffel.com/docs/api/overview/errors",
            }
        ],
        "meta": {"request_id": "FZW0H3HdJwKk5HMAAKxB", "status": status},
    }
    named = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return answer(payload, status, named)


MADE = answer({"data": {"id": "orq_0001sample", "offers": []}}, 201)


def listed(*offers: object) -> bytes:
    """A page of offers; bytes stand in it as they are."""
    texts = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in offers]
    return answer(b'{"meta":{"limit":100,"after":null},"data":[' + b",".join(texts) + b"]}")


Behaviour = Callable[[trio.SocketStream], Any]


async def hang(stream: trio.SocketStream) -> None:
    await trio.sleep_forever()


async def reset(stream: trio.SocketStream) -> None:
    stream.setsockopt(1, 13, b"\x01\x00\x00\x00\x00\x00\x00\x00")  # SO_LINGER 0: a RST, not a FIN


async def _say(response: bytes, stream: trio.SocketStream) -> None:
    await stream.send_all(response)


def truncated(response: bytes) -> Behaviour:
    return partial(_say, response[:-20])


@dataclass
class Scripted:
    """What the server heard, and what it will say: bytes, or something to do with the stream."""

    url: str = ""
    script: list[bytes | Behaviour] = field(default_factory=list)
    heads: list[str] = field(default_factory=list)
    bodies: list[bytes] = field(default_factory=list)

    def say(self, *steps: bytes | Behaviour) -> None:
        """One for each request, in order."""
        self.script += steps

    async def serve(self, stream: trio.SocketStream) -> None:
        async with stream:
            while (request := await _request(stream)) is not None:
                head, body = request
                self.heads.append(head)
                self.bodies.append(body)
                step = self.script.pop(0)
                if isinstance(step, bytes):
                    await stream.send_all(step)
                else:
                    await step(stream)
                    return


async def _request(stream: trio.SocketStream) -> tuple[str, bytes] | None:
    received = b""
    while b"\r\n\r\n" not in received:
        more = await stream.receive_some()
        if not more:
            return None
        received += more
    head, _, body = received.partition(b"\r\n\r\n")
    length = next(
        (
            int(line.split(b":")[1])
            for line in head.split(b"\r\n")
            if line.lower().startswith(b"content-length")
        ),
        0,
    )
    while len(body) < length:
        body += await stream.receive_some()
    return head.decode(), body


@asynccontextmanager
async def scripted() -> AsyncIterator[Scripted]:
    """A server on a free port, until the end of the block."""
    listener = (await trio.open_tcp_listeners(0, host="127.0.0.1"))[0]
    server = Scripted(url=f"http://127.0.0.1:{listener.socket.getsockname()[1]}")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(partial(trio.serve_listeners, server.serve, [listener]))
        yield server
        nursery.cancel_scope.cancel()
