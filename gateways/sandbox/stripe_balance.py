"""The platform's money and its payees', per currency: what is there, and what will be.

A captured charge is pending for two days of business time, then available. Stripe takes no fees here.
"""

from typing import Final, Literal

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_objects import PLATFORM, Call, Kept

BALANCES: Final = "stripe.balance"
AVAILABLE_AFTER_MS: Final = 2 * 86_400_000
Pot = Literal["available", "pending"]


def balance(call: Call, account: str, currency: str) -> dict[str, int]:
    """`available` and `pending`, in minor units; the former may be negative."""
    found = call.setting.records.get(BALANCES, f"{account}|{currency}")
    return {"available": 0, "pending": 0, **(found or {})}


def move(call: Call, account: str, currency: str, pot: Pot, amount: int) -> None:
    """Add to it, or with a negative amount take from it."""
    before = balance(call, account, currency)
    after = {**before, pot: before[pot] + amount}
    call.setting.records.put(BALANCES, f"{account}|{currency}", after)


def income(call: Call, charge: Kept, amount: int) -> Kept:
    """What was captured, pending; the charge remembers how much of it still is. Not written."""
    move(call, PLATFORM, charge.object["currency"], "pending", amount)
    call.later(call.setting.now.business + AVAILABLE_AFTER_MS, "available", charge.id)
    return charge.with_private(pending=amount)


def ripen(call: Call, charge_id: str) -> None:
    """What of a charge is still pending becomes available."""
    charge = call.get(charge_id, "ch")
    amount = int(charge.private.get("pending", 0))
    currency = charge.object["currency"]
    move(call, PLATFORM, currency, "pending", -amount)
    move(call, PLATFORM, currency, "available", amount)
    call.put(charge.with_private(pending=0))


def spend(call: Call, charge: Kept, amount: int) -> Kept:
    """Take what a charge brought: first what of it is pending, the rest from what is available. The
    charge as it is then; not written."""
    pending = min(int(charge.private.get("pending", 0)), amount)
    currency = charge.object["currency"]
    move(call, PLATFORM, currency, "pending", -pending)
    move(call, PLATFORM, currency, "available", pending - amount)
    return charge.with_private(pending=int(charge.private.get("pending", 0)) - pending)


def can_spend(call: Call, charge: Kept, amount: int) -> bool:
    """Whether `spend` would leave what is available at 0 or more."""
    rest = amount - min(int(charge.private.get("pending", 0)), amount)
    return rest <= max(0, balance(call, PLATFORM, charge.object["currency"])["available"])


def shown(call: Call) -> Json:
    """GET `/v1/balance`, of the account that the call is for."""
    pots: dict[str, list[Json]] = {"available": [], "pending": []}
    for key, found in call.setting.records.scan(BALANCES, f"{call.account}|"):
        for pot, entries in pots.items():
            amount = int(found.get(pot, 0))
            entries.append(
                {
                    "amount": amount,
                    "currency": key.rpartition("|")[2],
                    "source_types": {"card": amount},
                }
            )
    return {"object": "balance", "livemode": False, **pots}
