"""What a route is: one declaration, from which registration, checks and the OpenAPI page come."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

import msgspec

from core.identity import Permission, Principal
from gateways.http.limits import Limits
from gateways.http.ports import HttpPorts
from protocol.errors import ErrorCode

API = "/api/v1"
ALIAS = "/api"

Access = Permission | Literal["public", "login", "operator"]
"""Who may call: everybody; whoever is logged in; a permission; this machine or `READ_METRICS`."""


class Body(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """What a client sends, as JSON or as a query. An unknown field is an error. `may_be_empty`: no
    body at all says the same as `{}`. `one_of`: names of which one has to be given."""

    may_be_empty: ClassVar[bool] = False
    one_of: ClassVar[tuple[str, ...]] = ()


class View(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What a client gets."""


class Nothing(Body, frozen=True):
    """No field at all: an empty body or `{}`."""

    may_be_empty: ClassVar[bool] = True


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, judged and decoded. `body` and `query` are of the route's declared types; `raw` is
    the body of a route that takes it undecoded, of `media_type`, and `headers` are that one's, by names
    in lower case; `key` is its Idempotency-Key, and `digest` of all that must be the same where that is said
    again (empty: nothing is kept under it); `address` whom to count it for; `locale` what its user reads."""

    ports: HttpPorts
    limits: Limits
    principal: Principal | None
    address: str
    locale: str
    host: str
    scheme: str
    key: str | None
    path: Mapping[str, str]
    query: Any
    body: Any
    raw: bytes = b""
    digest: bytes = b""
    media_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    def of(self) -> Principal:
        """The caller of a route that is not public."""
        if self.principal is None:
            raise TypeError("this route is public: nobody is logged in")
        return self.principal


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer, encoded."""

    status: int
    body: bytes
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


def json_reply(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Reply:
    """Any value that msgspec can say in JSON."""
    return Reply(status=status, body=msgspec.json.encode(value), headers=headers or {})


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One method of one path (`{name}` marks its variable parts).

    `errors`: the codes it may answer beside those that follow from the other fields.
    `keeps_answer`: whether an Idempotency-Key is honoured. `is_limited`: whether it counts.
    `takes`: the media types of a body that the handler reads itself, of at most `max_body` bytes
    (None: as many as any other); whoever finds no place for that many is refused, or, unless it
    `needs_place`, cut off at the ordinary limit. `also`: other media types of the answer.
    """

    method: Literal["GET", "POST", "PATCH", "DELETE"]
    path: str
    name: str
    summary: str
    handle: Callable[[Call], Awaitable[Reply]]
    access: Access
    body: type[Body] = Nothing
    query: type[Body] = Nothing
    answer: type | None = None
    status: int = 200
    errors: tuple[ErrorCode, ...] = ()
    keeps_answer: bool = False
    is_limited: bool = True
    media_type: str = "application/json"
    also: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    max_body: int | None = None
    answer_within: float | None = None
    needs_place: bool = True
