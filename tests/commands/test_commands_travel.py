"""Whom the server books with: suppliers by name, the consolidator, the desk card."""

import json
from pathlib import Path
from typing import Any

import pytest
import trio
from orders_world import COUPLE, orders_world, priced
from structlog.testing import capture_logs
from trio.testing import wait_all_tasks_blocked

from commands.wire_travel import Travel
from core.chance import SystemChance
from core.clock import SystemClock
from core.config import Config, ConfigError, Supplier
from core.ids import ProcessIds
from core.ports.consolidator import Released
from protocol.suppliers import Created
from storage.memory.offers import MemoryOffers

LIVE = Supplier(mode="live", url="https://gds.example", key="id", secret="hush")
DESK: dict[str, Any] = {
    "consolidator_url": "https://desk.example",
    "consolidator_key": "hush",
    "agency_email": "desk@agency.example",
}


def travel(**settings: Any) -> Travel:
    clock = SystemClock()
    ids, offers = ProcessIds(clock, SystemChance()), MemoryOffers(clock)
    return Travel(Config(**settings), offers, clock=clock, ids=ids, chance=SystemChance())


async def test_whoever_is_played_can_be_booked_with_while_the_sandbox_runs() -> None:
    async with orders_world() as world, trio.open_nursery() as nursery:
        made = travel(sandbox_url=world.urls["control"])
        assert (made.suppliers(), made.consolidator) == ({}, None)
        made.search.asked.set()
        nursery.start_soon(made.run)
        with trio.fail_after(5.0):
            while not made.suppliers():
                await wait_all_tasks_blocked(0.001)
        assert set(made.suppliers()) == {"amadeus", "duffel"}
        amadeus, desk = made.suppliers()["amadeus"], made.consolidator
        assert desk is not None
        held = await amadeus.hold(await priced(world.amadeus()), COUPLE, "SAGA 1")
        assert isinstance(held, Created)
        assert isinstance(await desk.release(held.order.order_id, "SAGA 1"), Released)
        assert made.vault is not None
        assert {"amadeus", "duffel", "consolidator"} < set(made.statistics())
        nursery.cancel_scope.cancel()
    assert (made.suppliers(), made.consolidator) == ({}, None)


async def test_a_sandbox_that_is_not_there_is_missed_once(autojump_clock: Any) -> None:
    made = travel(sandbox_url="http://127.0.0.1:1")
    made.search.asked.set()
    with capture_logs() as logs, trio.move_on_after(7):
        await made.run()
    said = [line["error"] for line in logs if line["event"] == "travel.sandbox_failed"]
    assert len(said) == 1
    assert "CARAVAN_SANDBOX_URL" in said[0]


@pytest.mark.parametrize("missing", ["consolidator_url", "consolidator_key", "agency_email"])
def test_a_live_consolidator_needs_a_key_and_addresses(missing: str) -> None:
    with pytest.raises(ConfigError, match=f"CARAVAN_{missing.upper()}"):
        travel(amadeus=LIVE, **{**DESK, missing: None})


def test_a_live_amadeus_has_the_card_that_it_was_given_and_no_other(tmp_path: Path) -> None:
    assert travel(amadeus=LIVE).vault is None
    card = tmp_path / "card.json"
    with pytest.raises(ConfigError, match="CARAVAN_DESK_CARD_FILE"):
        travel(amadeus=LIVE, desk_card_file=card)
    number = {"vendor": "VI", "number": "4000009990000018", "expires": "2029-08", "holder": "DESK"}
    card.write_text(json.dumps(number))
    card.chmod(0o600)
    assert travel(amadeus=LIVE, desk_card_file=card, **DESK).vault is not None
