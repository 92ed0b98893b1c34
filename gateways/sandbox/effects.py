"""A provider's journal of what moved money, kept and listed (pure). What an entry holds is the provider's."""

from typing import Final

from gateways.sandbox.exchange import Json, Request, Response
from gateways.sandbox.faults import next_number
from gateways.sandbox.records import Draft

MAX_EFFECTS: Final = 200_000
MAX_PAGE: Final = 1_000


def keep(records: Draft, kind: str, entry: Json) -> None:
    """Under the next number, its `seq`; the oldest goes when there are more than `MAX_EFFECTS`."""
    number = next_number(records, kind)
    records.put(kind, f"{number:09}", {"seq": number, **entry})
    if number > MAX_EFFECTS:
        records.delete(kind, f"{number - MAX_EFFECTS:09}")


def listed(request: Request, records: Draft, kind: str) -> Response:
    """What came after the number in the query's `after`: `MAX_PAGE` at a time."""
    after = request.value("after") or "0"
    if not after.isdecimal():
        return Response.of_json(400, {"detail": "after must be the seq of an entry."})
    found: list[Json] = []
    for _, entry in records.scan(kind, after=f"{int(after):09}"):
        found.append(entry)
        if len(found) == MAX_PAGE:
            break
    return Response.of_json(200, {"data": found})
