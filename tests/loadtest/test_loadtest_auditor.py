"""The audit, and its negative controls: it must find what a server does wrong."""

import pytest

from loadtest.auditor import Auditor
from loadtest.evidence import judge
from loadtest.scenarios import SCENARIOS


def an_audit(recipients: int = 3) -> Auditor:
    audit = Auditor()
    for recipient in range(recipients):
        audit.listens(recipient, "room", head=4)
    return audit


def a_message(audit: Auditor, name: str, seq: int, at: float = 0.0, ok_at: float = 0.1) -> None:
    audit.offered(name, "room", at)
    audit.acknowledged(name, seq, f"m-{name}", ok_at)


def receive(audit: Auditor, recipient: int, name: str, seq: int) -> bool:
    return audit.received(recipient, "room", seq, f"m-{name}", name)


def test_what_everybody_has_once_in_order_is_blameless():
    audit = an_audit()
    for seq, name in enumerate("abc", start=5):
        a_message(audit, name, seq)
        assert all(receive(audit, recipient, name, seq) for recipient in range(3))
    found = audit.findings(now=100)
    assert (found.offered, found.acked, found.delivered) == (3, 3, 9)
    assert (found.lost, found.duplicated, found.reordered) == (0, 0, 0)
    assert (found.conflicting, found.unexpected, found.pending) == (0, 0, 0)
    assert audit.is_settled()


def test_an_acknowledged_message_that_one_recipient_lacks_is_lost():
    audit = an_audit()
    a_message(audit, "a", 5)
    receive(audit, 0, "a", 5)
    receive(audit, 1, "a", 5)
    assert not audit.is_settled()
    assert audit.findings(now=100).lost == 1


def test_a_hole_and_the_message_missing_in_it_are_one_loss():
    audit = an_audit(1)
    a_message(audit, "a", 5)
    a_message(audit, "b", 6)
    receive(audit, 0, "b", 6)
    found = audit.findings(now=100)
    assert (found.lost, found.missing, found.holes) == (1, 1, 0)


def test_a_hole_that_no_message_explains_is_lost():
    audit = an_audit(1)
    a_message(audit, "b", 6)
    receive(audit, 0, "b", 6)
    assert audit.findings(now=100).holes == 1


def test_events_that_are_no_messages_fill_their_places():
    audit = an_audit(1)
    a_message(audit, "b", 6)
    audit.received(0, "room", 5, None, None)
    receive(audit, 0, "b", 6)
    assert audit.findings(now=100).lost == 0


def test_an_ok_that_does_not_come_within_ten_seconds_is_lost():
    audit = an_audit(0)
    audit.offered("never", "room", 0.0)
    a_message(audit, "late", 5, at=0.0, ok_at=10.01)
    a_message(audit, "in time", 6, at=0.0, ok_at=9.99)
    found = audit.findings(now=100)
    assert (found.acked, found.acked_late, found.lost) == (1, 1, 2)


def test_a_storm_leaves_time_for_an_answer_after_the_last_welcome():
    audit = an_audit(0)
    a_message(audit, "after the storm", 5, at=0.0, ok_at=39.9)
    a_message(audit, "too late even so", 6, at=0.0, ok_at=40.1)
    found = judge([audit.evidence], 100, SCENARIOS["storm"].answered_within)
    assert (found.acked, found.acked_late, found.lost) == (1, 1, 1)


def test_a_message_still_on_its_way_is_not_judged():
    audit = an_audit()
    audit.offered("young", "room", 95.0)
    found = audit.findings(now=100)
    assert (found.pending, found.lost) == (1, 0)


def test_the_same_place_twice_is_a_duplicate():
    audit = an_audit(1)
    a_message(audit, "a", 5)
    assert receive(audit, 0, "a", 5)
    assert not receive(audit, 0, "a", 5)
    assert audit.findings(now=100).duplicated == 1


def test_one_message_in_two_places_is_a_duplicate():
    audit = an_audit(1)
    a_message(audit, "a", 5)
    receive(audit, 0, "a", 5)
    audit.received(0, "room", 6, "m-again", "a")
    assert audit.findings(now=100).duplicated == 1


def test_a_later_place_before_an_earlier_one_is_reordered():
    audit = an_audit(1)
    a_message(audit, "a", 5)
    a_message(audit, "b", 6)
    receive(audit, 0, "b", 6)
    receive(audit, 0, "a", 5)
    found = audit.findings(now=100)
    assert (found.reordered, found.lost, found.duplicated) == (1, 0, 0)


def test_two_people_who_see_different_orders_conflict():
    audit = an_audit(2)
    a_message(audit, "a", 5)
    a_message(audit, "b", 6)
    for recipient, (first, second) in enumerate(("ab", "ba")):
        receive(audit, recipient, first, 5)
        receive(audit, recipient, second, 6)
    assert audit.findings(now=100).conflicting == 2


def test_two_people_in_two_processes_who_see_different_messages_conflict():
    ours, theirs = an_audit(1), an_audit(1)
    receive(ours, 0, "a", 5)
    receive(theirs, 0, "b", 5)
    assert judge([ours.evidence, theirs.evidence], 100).conflicting == 1


def test_an_ok_that_names_another_place_conflicts():
    audit = an_audit(1)
    a_message(audit, "a", 6)
    receive(audit, 0, "a", 5)
    audit.received(0, "room", 6, "m-other", None)
    assert audit.findings(now=100).conflicting == 1


@pytest.mark.parametrize("name", ["refused", "nobody's"])
def test_what_was_refused_or_never_sent_is_unexpected(name: str):
    audit = an_audit(1)
    audit.offered("refused", "room", 0.0)
    audit.refused("refused", 0.1)
    receive(audit, 0, name, 5)
    found = audit.findings(now=100)
    assert (found.rejected, found.unexpected, found.lost) == (1, 1, 0)
