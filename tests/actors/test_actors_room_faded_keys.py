"""Marks of keys: none that was made is ever missed, few that were not are seen, and they are bounded."""

from actors.room.faded_keys import NEEDED_FOR_MS, FadedKeys


def test_no_marked_key_is_missed_and_few_strangers_are_taken_for_one() -> None:
    keys = FadedKeys()
    made = 10_000
    for number in range(made):
        assert keys.add("ada", f"k{number}", number) is None
    assert all(keys.may_hold("ada", f"k{number}") for number in range(made))
    strangers = sum(keys.may_hold("ben", f"k{number}") for number in range(made))
    assert strangers < made / 200
    assert len(keys) == made


def test_the_same_key_of_another_sender_is_another_key() -> None:
    keys = FadedKeys()
    keys.add("ada", "k", 0)
    assert keys.may_hold("ada", "k")
    assert not keys.may_hold("ben", "k")


def test_over_the_bound_the_oldest_marks_go_and_their_newest_time_is_told() -> None:
    keys = FadedKeys(keys_per_filter=2, max_filters=2)
    forgotten = [keys.add("ada", f"k{number}", 10 + number) for number in range(7)]
    assert forgotten == [None, None, None, None, 11, None, 13]
    assert len(keys) == 3
    assert not keys.may_hold("ada", "k0")
    assert keys.may_hold("ada", "k6")


def test_marks_that_are_of_no_use_any_more_go_by_their_age() -> None:
    keys = FadedKeys(keys_per_filter=1)
    keys.add("ada", "old", 0)
    assert keys.add("ada", "recent", NEEDED_FOR_MS) is None
    assert keys.add("ada", "new", NEEDED_FOR_MS + 1) == 0
    assert len(keys) == 2


def test_nothing_is_held_before_the_first_key() -> None:
    assert not FadedKeys().may_hold("ada", "k")
