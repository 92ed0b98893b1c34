"""Who gives whom how much, so that everybody is even (pure).

The fewest transfers that settle n balances are n minus the greatest number of disjoint groups that each
add up to zero; finding those is NP-hard (subset sum), and up to 12 people it is done exactly, over
subsets, as long as all currencies together stay bounded. Beyond that, the greatest debtor pays the greatest
creditor until nobody is left.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from heapq import heapify, heappop, heappush
from typing import Final

from actors.plan.fields import weights_of
from protocol.frames import Money
from protocol.plan import CurrencySettlement, PersonBalance, PlanItem, Transfer
from protocol.splitting import shared_out

MAX_EXACT: Final = 12
"""People with a balance, up to whom the number of transfers is proven to be the least."""

MAX_SUBSETS: Final = 8 << MAX_EXACT
"""Of people, looked at for one settlement: eight currencies of twelve people, any number of six. Others
on the node are served between two currencies."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Paid:
    """What was captured for one booking and not given back, by user; minor units."""

    booking_id: str
    currency: str
    by: Mapping[str, int]


@dataclass(slots=True)
class Accounts:
    """Of one currency."""

    paid: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    share: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))

    def enter(self, paid: Mapping[str, int], weights: Mapping[str, int]) -> None:
        total = sum(paid.values())
        for user_id, amount in paid.items():
            self.paid[user_id] += amount
        for user_id, part in zip(weights, shared_out(total, list(weights.values())), strict=True):
            self.share[user_id] += part

    def settled(self, currency: str, most_exact: int) -> CurrencySettlement:
        people = sorted({*self.paid, *self.share})
        balances = {user_id: self.paid[user_id] - self.share[user_id] for user_id in people}
        moves, is_fewest = transfers(balances, most_exact)
        return CurrencySettlement(
            currency=currency,
            total=sum(self.paid.values()),
            balances=[
                PersonBalance(
                    user_id=user_id,
                    paid=self.paid[user_id],
                    share=self.share[user_id],
                    balance=balances[user_id],
                )
                for user_id in people
            ],
            transfers=[
                Transfer(
                    sender_id=sender,
                    receiver_id=receiver,
                    amount=Money(amount=amount, currency=currency),
                )
                for sender, receiver, amount in moves
            ],
            is_fewest=is_fewest,
        )


def settle(
    items: Iterable[PlanItem], bookings: Iterable[Paid]
) -> tuple[list[CurrencySettlement], list[str]]:
    """By currency, and the ids of expenses whose booking has captured nothing (yet).

    A booking that is no expense on the board is fair as it was split: each paid the share they agreed to.
    One that is, is paid by whoever the ledger says, and borne by those who share the expense. Put on the
    board twice, it counts once.
    """
    accounts, unknown = entered(items, bookings)
    return list(settlements(accounts)), unknown


def entered(
    items: Iterable[PlanItem], bookings: Iterable[Paid]
) -> tuple[dict[str, Accounts], list[str]]:
    """What was paid and is to be borne, by currency; and the unknown, see `settle`."""
    accounts: defaultdict[str, Accounts] = defaultdict(Accounts)
    of_booking: defaultdict[str, list[Paid]] = defaultdict(list)
    for paid in bookings:
        if sum(paid.by.values()) > 0:
            of_booking[paid.booking_id].append(paid)
    unknown, seen = [], set()
    for item in items:
        if item.kind != "expense":
            continue
        weights = weights_of(item.fields)
        booking_id = item.fields.get("bookingId")
        if booking_id is None:
            amount = item.fields["amount"]
            accounts[amount["currency"]].enter({item.fields["paidBy"]: amount["amount"]}, weights)
        elif booking_id in seen:
            continue
        elif of_booking[booking_id]:
            seen.add(booking_id)
            for paid in of_booking[booking_id]:
                accounts[paid.currency].enter(paid.by, weights)
        else:
            unknown.append(item.id)
    return accounts, unknown


def settlements(accounts: Mapping[str, Accounts]) -> Iterator[CurrencySettlement]:
    """Each currency's takes as long as there are subsets of its people."""
    subsets = MAX_SUBSETS
    for currency in sorted(accounts):
        one = accounts[currency].settled(currency, max(subsets, 1).bit_length() - 1)
        if one.is_fewest:
            subsets -= 1 << sum(1 for person in one.balances if person.balance)
        yield one


def transfers(
    balances: Mapping[str, int], most_exact: int = MAX_EXACT
) -> tuple[list[tuple[str, str, int]], bool]:
    """(who gives, who gets, how much), and whether that is proven to be the fewest. `balances`: positive
    gets; they add up to zero, else `ValueError`. `most_exact`: people for whom there is time. The same
    balances give the same transfers."""
    if sum(balances.values()):
        raise ValueError("the balances do not add up to zero")
    open = sorted((user_id, amount) for user_id, amount in balances.items() if amount)
    if len(open) > min(MAX_EXACT, most_exact):
        return _matched(open), False
    return [move for group in _groups(open) for move in _matched(group)], True


def _groups(open: Sequence[tuple[str, int]]) -> list[list[tuple[str, int]]]:
    """The most disjoint groups that each add up to zero: 2ⁿ subsets, n steps each.

    `best[s]`: how many prefixes of an ordering of the subset `s` can add up to zero, at most. The last
    of an order is any of it: best[s] = max over i of best[s − i], plus one where `s` itself is zero.
    """
    n = len(open)
    sums, best, last = [0], [0] * (1 << n), [0] * (1 << n)
    for _, amount in open:
        sums += [amount + before for before in sums]
    for s in range(1, 1 << n):
        most, rest = -1, s
        while rest:
            one = rest & -rest
            if best[s ^ one] > most:
                most, last[s] = best[s ^ one], one
            rest ^= one
        best[s] = most + (not sums[s])
    groups: list[list[tuple[str, int]]] = []
    s = (1 << n) - 1
    while s:
        if sums[s] == 0:
            groups.append([])
        groups[-1].append(open[last[s].bit_length() - 1])
        s ^= last[s]
    return groups


def _matched(group: Sequence[tuple[str, int]]) -> list[tuple[str, str, int]]:
    """The greatest debtor pays the greatest creditor: at most one transfer less than there are people,
    since each settles one of the two."""
    creditors = [(-amount, user_id) for user_id, amount in group if amount > 0]
    debtors = [(amount, user_id) for user_id, amount in group if amount < 0]
    heapify(creditors)
    heapify(debtors)
    moves: list[tuple[str, str, int]] = []
    while creditors:
        credit, receiver = heappop(creditors)
        debt, sender = heappop(debtors)
        amount = min(-credit, -debt)
        moves.append((sender, receiver, amount))
        if credit + amount:
            heappush(creditors, (credit + amount, receiver))
        if debt + amount:
            heappush(debtors, (debt + amount, sender))
    return moves
