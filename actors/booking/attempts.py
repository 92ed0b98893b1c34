"""Which methods were tried to pay a share with, and which were refused (pure): what a screener counts."""

from msgspec.structs import replace

from actors.booking.state import Payment
from actors.booking.steps import Attempt
from actors.booking.turn import MOST_REMEMBERED, Turn


def note_attempt(turn: Turn, share_id: str, payment: Payment, method: str) -> None:
    """A person's method is tried now. Its second half at a provider's page is the same attempt."""
    share = turn.share(share_id)
    known = tuple(one for one in share.methods if one != method)
    methods = (*known, method)[-MOST_REMEMBERED:]
    turn.put_share(replace(share, attempts=share.attempts + 1, methods=methods))
    _note(turn, share_id, payment, method, is_refused=False)


def note_refusal(turn: Turn, share_id: str, payment: Payment) -> None:
    """The newest attempt may have ended with its method refused; a provider's own trouble says nothing of it."""
    if payment.declined is None or payment.declined.code == "processing_error":
        return
    share = turn.share(share_id)
    turn.put_share(replace(share, declines=share.declines + 1))
    _note(turn, share_id, payment, payment.method or "", is_refused=True)


def _note(turn: Turn, share_id: str, payment: Payment, method: str, *, is_refused: bool) -> None:
    turn.attempts.append(
        Attempt(
            user_id=turn.share(share_id).user_id,
            provider=payment.provider or turn.saga.provider.name,
            method=method,
            is_refused=is_refused,
        )
    )
