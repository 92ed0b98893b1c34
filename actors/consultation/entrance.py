"""Who may enter a call, and when."""

from core.errors import Rejected
from core.ports.consultations import REMIND_BEFORE, Consultation


def demand_open(found: Consultation | None, user_id: str, *, now: int) -> Consultation:
    """The consultation, if this person may enter it. `now`: business time, ms. Raises `Rejected`:
    `not_found` to all but the two, `conflict` when it is not the time."""
    if (
        found is None
        or found.state == "open"
        or user_id not in (found.professional_id, found.traveller_id)
    ):
        raise Rejected("not_found", "There is no such consultation.")
    if found.state == "cancelled":
        raise Rejected("conflict", "This consultation was cancelled.")
    if now < found.starts_at - REMIND_BEFORE:
        raise Rejected("conflict", "It is too early: come back 15 minutes before it begins.")
    if now >= found.ends_at:
        raise Rejected("conflict", "This consultation is over.")
    return found
