"""What goes in and out of a supplier's machine: one request, one response, and the setting between."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Protocol

import msgspec

from gateways.sandbox.clock import Instant
from gateways.sandbox.faults import DomainAction
from gateways.sandbox.records import Draft
from gateways.sandbox.world import World

Json = dict[str, Any]
"""An object as it came from a client, or goes to one."""

_encoder: Final = msgspec.json.Encoder()


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """`path` is raw, still percent-encoded and without the query; `query` decoded, in order, keys may
    repeat; header names lower-case; `base` is `http://host:port` as the client called it."""

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str]
    body: bytes = b""
    base: str = "http://127.0.0.1"
    target: str = ""

    def values(self, name: str) -> list[str]:
        """All values of a query parameter, those in one comma-separated list apart."""
        return [
            word for key, value in self.query if key == name for word in value.split(",") if word
        ]

    def value(self, name: str) -> str | None:
        """Its last value, whole; None when absent."""
        return next((value for key, value in reversed(self.query) if key == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """Sent exactly so: nothing is added to the content type."""

    status: int
    content_type: str | None = None
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()

    @classmethod
    def of_json(
        cls,
        status: int,
        payload: object,
        *,
        content_type: str = "application/json",
        headers: tuple[tuple[str, str], ...] = (),
    ) -> "Response":
        return cls(
            status=status,
            content_type=content_type,
            body=_encoder.encode(payload),
            headers=headers,
        )

    def with_body(self, body: bytes, content_type: str | None = None) -> "Response":
        return replace(self, body=body, content_type=content_type or self.content_type)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """All that a machine may look at beside the request.

    `records`: what is kept, read and written; the shell commits it in one transaction before the
    answer leaves, or drops it. `volatile`: what a restart may forget (rate limits). `faults`: those
    fired rules that concern the business, not the transport.
    """

    now: Instant
    world: World
    records: Draft
    volatile: Draft
    faults: tuple[DomainAction, ...] = ()


class Machine(Protocol):
    """One supplier, pure: what it does follows from its arguments alone. `name` is its `api` in rules
    and in the ready line; kinds of records begin with it."""

    @property
    def name(self) -> str: ...

    def handle(self, request: Request, setting: Setting) -> Response:
        """Answer a client, whatever it sent. Never raises."""

    def settle(self, setting: Setting) -> None:
        """Do what the business clock made due. Called before each request and when the clock was
        moved."""

    def control(self, request: Request, setting: Setting) -> Response | None:
        """A request to the control port, its path below `/_sandbox/`; None: not mine."""

    def refusal(self, status: int, errors: list[Json] | None) -> Response:
        """An error in this supplier's shape; without `errors`, what it usually says with that
        status."""
