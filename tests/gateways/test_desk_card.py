"""The platform's own card: it reaches the hotel's supplier, and its number is nowhere else afterwards."""

import json
import logging
from pathlib import Path
from typing import Any

import msgspec
import pytest
import structlog
from orders_world import COUPLE, HURRIED, STAY, OrdersWorld, orders_world, priced

from actors.booking.state import Part
from core.crash_record import describe
from core.errors import Unavailable
from core.ports.vault import DeskCard
from gateways.partners.vaults import FileVault, SandboxVault
from gateways.sandbox.store import Store
from protocol.suppliers import Created, Refused, Unknown
from protocol.travel import SupplierOffer

NUMBER = "4000009990000018"
REFERENCE = "CARAVAN SAGA 01J9Z7 ATT 1"
CARD = {"vendor": "VI", "number": NUMBER, "expires": "2029-08", "holder": "PLATFORM DESK"}


@pytest.fixture
def card_file(tmp_path: Path) -> Path:
    path = tmp_path / "card.json"
    write(path, json.dumps(CARD))
    return path


def write(path: Path, text: str, mode: int = 0o600) -> None:
    path.write_text(text)
    path.chmod(mode)


def kept_in(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("sandbox.db*")]


async def test_its_number_is_sent_and_then_nowhere(
    card_file: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Through a booking that succeeds and all that can go wrong with one: logs of every library, what is
    returned, what a booking keeps, and the sandbox's own file."""
    caplog.set_level(logging.DEBUG)
    store = Store(tmp_path / "sandbox.db")
    with structlog.testing.capture_logs() as logs:
        async with orders_world(store) as world:
            offer, outcomes = await _everything(world, FileVault(card_file))
            assert sum(NUMBER.encode() in body for body in world.bodies) >= len(outcomes)
    store.close()
    made = outcomes[0]
    assert isinstance(made, Created)
    kept = msgspec.msgpack.encode((outcomes, _part(made, offer)))
    files = kept_in(tmp_path)
    seen = [repr(outcomes), repr(logs), caplog.text, *(repr(r.__dict__) for r in caplog.records)]
    assert files
    for each in (kept, *files, *(text.encode() for text in seen)):
        assert NUMBER.encode() not in each
    assert any(b"400000XXXXXX0018" in each for each in files)


async def _everything(world: OrdersWorld, vault: FileVault) -> tuple[SupplierOffer, list[Any]]:
    inventory = world.amadeus(vault=vault)
    offer = await priced(inventory, STAY)
    outcomes = [await inventory.hold(offer, COUPLE, REFERENCE)]
    refusal = [{"status": 400, "code": 1205, "title": "INVALID CARD"}]
    for action in (
        {"type": "status", "code": 400, "errors": refusal},
        {"type": "status", "code": 500, "errors": [{**refusal[0], "code": 141}]},
        {"type": "bad_json"},
        {"type": "reset_after"},
    ):
        world.rule("amadeus", on="hotel-orders", **action)
        outcomes.append(await inventory.hold(offer, COUPLE, REFERENCE))
    world.rule("amadeus", on="hotel-orders", type="hang_before_effect")
    other = world.amadeus(HURRIED, vault=vault)
    outcomes.append(await other.hold(offer, COUPLE, REFERENCE))
    assert [type(one) for one in outcomes] == [Created, Refused, *[Unknown] * 4]
    return offer, outcomes


def _part(made: Created, offer: SupplierOffer) -> Part:
    """What a saga's snapshot has of it."""
    return Part(
        id="h1",
        kind="hotel",
        query=STAY,
        offer=offer,
        total=offer.total,
        holds=False,
        cancels="none",
        issues="by_supplier",
        finds=False,
        offer_id="o",
        order=made.order,
    )


async def test_a_crash_while_it_is_in_hand_is_recorded_without_it(card_file: Path) -> None:
    card = await FileVault(card_file).desk_card()
    assert card.number == NUMBER

    def booked(in_hand: DeskCard) -> None:
        raise RuntimeError(f"cannot book with {in_hand}")

    with pytest.raises(RuntimeError) as crash:
        booked(card)
    assert NUMBER not in json.dumps(describe(crash.value), default=repr)
    assert NUMBER not in repr(card)


@pytest.mark.parametrize(
    ("text", "mode"),
    [
        (json.dumps(CARD), 0o644),
        (json.dumps(CARD), 0o640),
        (json.dumps({**CARD, "number": f"{NUMBER}x"}), 0o600),
        (json.dumps({**CARD, "cvc": "123"}), 0o600),
        (f'{{"number": "{NUMBER}"', 0o600),
        (NUMBER, 0o600),
    ],
    ids=["read by all", "read by a group", "no number", "more than a card", "no JSON", "no object"],
)
async def test_a_file_that_is_no_card_or_not_ours_alone_is_refused(
    card_file: Path, text: str, mode: int
) -> None:
    vault = FileVault(card_file)
    write(card_file, text, mode)
    with pytest.raises(ValueError, match="CARAVAN_DESK_CARD_FILE") as refused:
        FileVault(card_file)
    assert NUMBER not in str(refused.value)
    assert refused.value.__cause__ is None
    with structlog.testing.capture_logs() as logs, pytest.raises(Unavailable):
        await vault.desk_card()
    assert logs
    assert NUMBER not in repr(logs)


async def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="cannot be read"):
        FileVault(tmp_path / "none.json")


async def test_a_new_card_needs_no_restart(card_file: Path) -> None:
    vault = FileVault(card_file)
    write(card_file, json.dumps({**CARD, "holder": "NEXT DESK"}))
    assert (await vault.desk_card()).holder == "NEXT DESK"


async def test_who_is_played_has_a_test_card() -> None:
    card = await SandboxVault().desk_card()
    assert card.number not in repr(card)
    assert card.expires > "2040"
