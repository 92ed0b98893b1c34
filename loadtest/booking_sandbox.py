"""The sandbox from outside: a child process whose suppliers a server books with, its control port, its journals."""

import json
import re
import subprocess
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import httpx
import trio

from loadtest.accounts import UnreachableError
from loadtest.booking_auditor import Effect, Order, effect_of, paypal_effect_of
from loadtest.children import first_line, terminate
from loadtest.own_server import REPOSITORY, ServerFailedError

READY_WITHIN: Final = 30.0
ENDS_WITHIN: Final = 5.0
ANSWER_WITHIN: Final = 60.0
AMADEUS_PER_SECOND: Final = 100
"""Ten, which a test account of Amadeus may make, are those of one key; the server keeps to eight by itself."""

_REFERENCE: Final = re.compile(r"CARAVAN SAGA (\S+) \S+ ATT \d+")
_FAULT_FIELDS: Final = ("match", "action", "times", "seed")

Rule = Mapping[str, Any]


class PlayedSuppliers:
    """A running sandbox. Borrows: its process. Methods raise `UnreachableError`."""

    def __init__(self, ready: Mapping[str, Any], client: httpx.AsyncClient) -> None:
        self.control_url = str(ready["control"])
        self._consolidator = str(ready["consolidator"])
        self._client = client
        self._rules: dict[str, str] = {}

    async def prepare(self) -> None:
        """Limits that a crowd of one server would meet are lifted."""
        await self._post("amadeus/options", {"tps": AMADEUS_PER_SECOND})

    async def set_rules(self, rules: Sequence[Rule]) -> None:
        """Rules as in `loadtest/faults/*.json`, with their seeds."""
        for rule in rules:
            posted = {name: rule[name] for name in _FAULT_FIELDS if name in rule}
            kept = await self._post("rules", posted)
            self._rules[kept["id"]] = rule["name"]

    async def fired(self) -> dict[str, int]:
        """By rule: how often it fired so far."""
        rows = (await self._get("rules"))["data"]
        return {self._rules.get(row["id"], row["id"]): row["fired"] for row in rows}

    async def calm(self) -> None:
        """No rule any more."""
        await self._call("DELETE", f"{self.control_url}/_sandbox/rules")

    async def advance(self, milliseconds: int) -> None:
        """Move business time forward."""
        await self._post("clock", {"advanceMs": milliseconds})

    async def effects(self) -> list[Effect]:
        """What moved money at the payment providers."""
        found: list[Effect] = []
        for provider, of in (("stripe", effect_of), ("paypal", paypal_effect_of)):
            after = 0
            while rows := (await self._get(f"{provider}/effects?after={after}"))["data"]:
                found += [of(row) for row in rows]
                after = rows[-1]["seq"]
        return found

    async def orders(self) -> list[Order]:
        """All that was ever ordered, whatever became of it."""
        duffel = (await self._get("duffel/orders"))["data"]
        return [*(await self._amadeus_orders()), *(_of_duffel(row) for row in duffel)]

    async def _amadeus_orders(self) -> list[Order]:
        """From the consolidator's queue, which knows prices and tickets."""
        found: list[Order] = []
        since = ""
        while True:
            url = f"{self._consolidator}/v1/records?limit=200" + (since and f"&since={since}")
            page = await self._call("GET", url)
            found += [_of_consolidator(row) for row in page["data"]]
            if not page["data"]:
                return found
            since = page["meta"]["next"]

    async def _get(self, path: str) -> Any:
        return await self._call("GET", f"{self.control_url}/_sandbox/{path}")

    async def _post(self, path: str, body: Any) -> Any:
        return await self._call("POST", f"{self.control_url}/_sandbox/{path}", body)

    async def _call(self, method: str, url: str, body: Any = None) -> Any:
        headers = {"Authorization": "Bearer auditor"}
        try:
            answer = await self._client.request(method, url, json=body, headers=headers)
            return answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            raise UnreachableError(f"The sandbox does not answer as it should: {error}") from error


@asynccontextmanager
async def played_suppliers(folder: Path, seed: str) -> AsyncIterator[PlayedSuppliers]:
    """Start `main.py sandbox` on free ports, with its data in `folder`. Raises `ServerFailedError`."""
    # As a child of the server it gives way to all others (`--with-parent`), and would be what is measured.
    command = [sys.executable, "main.py", "sandbox", "serve", f"--seed={seed}"]
    process = await trio.lowlevel.open_process(
        [*command, f"--data={folder / 'sandbox.db'}"],
        cwd=REPOSITORY,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        ready = await _ready(process)
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN, trust_env=False) as client:
            yield PlayedSuppliers(ready, client)
    finally:
        with trio.CancelScope(shield=True):
            await terminate(process, ENDS_WITHIN)


async def _ready(process: trio.Process) -> dict[str, Any]:
    try:
        ready: dict[str, Any] = json.loads(await first_line(process, READY_WITHIN))
    except ValueError:
        raise ServerFailedError("The sandbox did not start.") from None
    return ready


def _of_consolidator(row: Mapping[str, Any]) -> Order:
    reference = next((text for text in row["remarks"] if _REFERENCE.fullmatch(text)), "")
    return Order(
        supplier="amadeus",
        order_id=row["orderId"],
        reference=reference,
        booking_id=_booking_in(reference),
        is_live=row["status"] != "cancelled",
        is_issued=bool(row["tickets"]),
        total=_minor(row["price"]["total"]),
        currency=row["price"]["currency"],
    )


def _of_duffel(row: Mapping[str, Any]) -> Order:
    """A hold whose time is over awaits no payment, and is not called cancelled either."""
    reference = str(row["metadata"].get("reference", ""))
    standing = row["payment_status"]
    paid_at = standing["paid_at"]
    return Order(
        supplier="duffel",
        order_id=row["id"],
        reference=reference,
        booking_id=_booking_in(reference),
        is_live=row["cancelled_at"] is None
        and (standing["awaiting_payment"] or paid_at is not None),
        is_issued=paid_at is not None,
        total=_minor(row["total_amount"]),
        currency=row["total_currency"],
        issued_at=None if paid_at is None else _millis(paid_at),
    )


def _booking_in(reference: str) -> str:
    found = _REFERENCE.fullmatch(reference)
    return found[1] if found else ""


def _minor(text: str) -> int:
    """Of a currency with two decimals: the sandbox sells in no other."""
    return round(Decimal(text) * 100)


def _millis(moment: str) -> int:
    return round(datetime.fromisoformat(moment).timestamp() * 1_000)
