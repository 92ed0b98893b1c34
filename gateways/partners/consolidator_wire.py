"""The consolidator's JSON, as far as we read it (docs/sandbox.md)."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

from protocol.ids import Currency

Moment = Annotated[datetime, Meta(tz=True)]


class Wire(Struct, frozen=True, rename="camel"):
    """A part of an answer. What it does not name is ignored."""


class Price(Wire, frozen=True):
    total: str
    currency: Currency


class RecordTicket(Wire, frozen=True):
    number: str
    status: str = ""
    traveler_id: str = ""


class Record(Wire, frozen=True):
    """An order as the queue has it. `remarks`: what was written into it, then its contacts' addresses."""

    order_id: str
    status: str
    locator: str | None = None
    cancels_at: Moment | None = None
    remarks: list[str] = []
    price: Price | None = None
    tickets: list[RecordTicket] = []


class ReleaseAnswer(Wire, frozen=True):
    data: Record


class RecordsMeta(Wire, frozen=True):
    complete_until: Moment
    next: str | None = None


class RecordsAnswer(Wire, frozen=True):
    data: list[Record]
    meta: RecordsMeta


class Refused(Wire, frozen=True):
    code: str = ""
    message: str = ""


class RefusalAnswer(Wire, frozen=True):
    error: Refused
