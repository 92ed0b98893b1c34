"""Settling up: everybody is even afterwards, and no fewer transfers would do."""

import random
from functools import cache
from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.plan.settling import MAX_EXACT, MAX_SUBSETS, Paid, settle, transfers
from protocol.plan import PlanItem

SETTINGS = settings(max_examples=100, deadline=None, derandomize=True)


def balances(amounts: list[int]) -> dict[str, int]:
    """One more person has what the others lack."""
    return {f"u{n:02}": amount for n, amount in enumerate([*amounts, -sum(amounts)])}


def applied(before: dict[str, int], moves: list[tuple[str, str, int]]) -> dict[str, int]:
    after = dict(before)
    for sender, receiver, amount in moves:
        assert amount > 0
        after[sender] += amount
        after[receiver] -= amount
    return after


def fewest(before: dict[str, int]) -> int:
    """By trying: the most disjoint groups that add up to zero, one after another."""
    open = tuple(sorted(amount for amount in before.values() if amount))

    @cache
    def most(rest: tuple[int, ...]) -> int:
        if not rest:
            return 0
        best = 1
        first, others = rest[0], rest[1:]
        for size in range(len(others)):
            for chosen in combinations(range(len(others)), size):
                if first + sum(others[n] for n in chosen) == 0:
                    left = tuple(o for n, o in enumerate(others) if n not in chosen)
                    best = max(best, 1 + most(left))
        return best

    return len(open) - most(open)


@SETTINGS
@given(st.lists(st.integers(-6, 6), max_size=6))
def test_up_to_seven_people_there_are_as_few_transfers_as_trying_all_finds(
    amounts: list[int],
) -> None:
    before = balances(amounts)
    moves, is_fewest = transfers(before)
    assert is_fewest
    assert set(applied(before, moves).values()) <= {0}
    assert len(moves) == fewest(before)


@SETTINGS
@given(st.lists(st.integers(-10_000, 10_000), max_size=30))
def test_however_many_people_all_are_even_and_who_owes_never_gets(amounts: list[int]) -> None:
    before = balances(amounts)
    moves, is_fewest = transfers(before)
    assert set(applied(before, moves).values()) <= {0}
    people = sum(1 for amount in before.values() if amount)
    assert is_fewest == (people <= MAX_EXACT)
    assert len(moves) <= max(0, people - 1)
    assert all(before[s] < 0 < before[r] for s, r, _ in moves)
    assert transfers(before) == (moves, is_fewest)


class Counted(int):
    """An amount that counts how often one is compared with another."""

    compared = 0

    def __lt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) < int(other)

    def __gt__(self, other: int) -> bool:
        Counted.compared += 1
        return int(self) > int(other)

    def __neg__(self) -> "Counted":
        return Counted(-int(self))

    def __add__(self, other: int) -> "Counted":
        return Counted(int(self) + int(other))

    def __sub__(self, other: int) -> "Counted":
        return Counted(int(self) - int(other))


def test_a_thousand_people_are_not_compared_each_with_each() -> None:
    chance = random.Random(3)
    amounts = [chance.randrange(-10_000, 10_000) for _ in range(999)]
    before = balances(amounts)
    Counted.compared = 0
    moves, _ = transfers({user_id: Counted(amount) for user_id, amount in before.items()})
    assert moves == transfers(before)[0]
    assert Counted.compared < 100 * len(before)


def test_what_does_not_add_up_is_no_settlement() -> None:
    with pytest.raises(ValueError, match="zero"):
        transfers({"a": 1})


def expense(id: str, amount: int, by: str, shared: list[object], currency: str = "EUR") -> PlanItem:
    fields = {
        "title": id,
        "amount": {"amount": amount, "currency": currency},
        "paidBy": by,
        "sharedBy": shared,
    }
    return PlanItem(id=id, kind="expense", fields=fields)


def test_expenses_are_shared_by_weight_to_the_cent_and_currencies_are_apart() -> None:
    items = [
        expense("dinner", 1_000, "ada", ["ada", "ben", "eve"]),
        expense("taxi", 300, "ben", [{"userId": "ada", "weight": 2}, "ben"]),
        expense("sushi", 900, "eve", ["ada"], "JPY"),
        PlanItem(id="b", kind="budget", fields={"amount": {"amount": 5, "currency": "EUR"}}),
    ]
    settlements, unknown = settle(items, [])
    euros, yen = settlements
    assert (euros.currency, euros.total, yen.currency, yen.total) == ("EUR", 1_300, "JPY", 900)
    assert {b.user_id: (b.paid, b.share) for b in euros.balances} == {
        "ada": (1_000, 334 + 200),
        "ben": (300, 333 + 100),
        "eve": (0, 333),
    }
    assert [(t.sender_id, t.receiver_id, t.amount.amount) for t in yen.transfers] == [
        ("ada", "eve", 900)
    ]
    assert unknown == []


def test_however_many_currencies_only_so_much_is_tried_and_all_are_even() -> None:
    people = [f"u{n:02}" for n in range(MAX_EXACT)]
    items = [
        expense(
            f"e{n}", 1_200 + n, people[n % 12], [*people], f"A{chr(65 + n // 26)}{chr(65 + n % 26)}"
        )
        for n in range(60)
    ]
    items += [expense("own", 5, "u00", ["u00"], "ZZZ")]
    settlements, _ = settle(items, [])
    tried = [one for one in settlements if one.is_fewest]
    assert len(tried) == MAX_SUBSETS // 2**MAX_EXACT + 1
    assert (tried[-1].currency, tried[-1].transfers) == ("ZZZ", [])
    for one in settlements:
        moves = [(each.sender_id, each.receiver_id, each.amount.amount) for each in one.transfers]
        before = {each.user_id: each.balance for each in one.balances}
        assert set(applied(before, moves).values()) == {0}


def test_a_booking_counts_once_and_only_when_it_is_on_the_board_and_was_paid() -> None:
    on_board = [
        PlanItem(
            id=f"e{n}",
            kind="expense",
            fields={"title": "flight", "bookingId": booking, "sharedBy": ["ada", "ben"]},
        )
        for n, booking in enumerate(["b1", "b1", "b2"])
    ]
    captured = [
        Paid(booking_id="b1", currency="EUR", by={"ada": 300, "ben": 100}),
        Paid(booking_id="b3", currency="EUR", by={"eve": 999}),
    ]
    [euros], unknown = settle(on_board, captured)
    assert euros.total == 400
    assert [(t.sender_id, t.receiver_id, t.amount.amount) for t in euros.transfers] == [
        ("ben", "ada", 100)
    ]
    assert unknown == ["e2"]


def test_any_expenses_leave_balances_that_add_up_to_nothing() -> None:
    chance = random.Random(7)
    people = [f"u{n}" for n in range(9)]
    for _ in range(50):
        items = [
            expense(
                f"e{n}",
                chance.randrange(1, 10_000),
                chance.choice(people),
                [
                    {"userId": one, "weight": chance.randrange(1, 9)}
                    for one in chance.sample(people, chance.randrange(1, 9))
                ],
            )
            for n in range(chance.randrange(1, 20))
        ]
        [euros], _ = settle(items, [])
        assert sum(one.balance for one in euros.balances) == 0
        assert sum(one.share for one in euros.balances) == euros.total
