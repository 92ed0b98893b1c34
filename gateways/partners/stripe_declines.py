"""Why a card was refused, in the port's words (pure). Source: APIS §7.6, §10.5, and Stripe's
list of decline codes."""

from typing import Final

from protocol.payments import DeclineCode, Declined

_WORDS: Final[dict[str, DeclineCode]] = {
    "insufficient_funds": "insufficient_funds",
    **dict.fromkeys(["lost_card", "stolen_card", "pickup_card"], "card_lost_or_stolen"),
    "expired_card": "expired_card",
    **dict.fromkeys(
        [
            "incorrect_address",
            "incorrect_cvc",
            "incorrect_number",
            "incorrect_pin",
            "incorrect_zip",
            "invalid_account",
            "invalid_cvc",
            "invalid_expiry_month",
            "invalid_expiry_year",
            "invalid_number",
            "invalid_pin",
        ],
        "incorrect_details",
    ),
    **dict.fromkeys(
        [
            "approve_with_id",
            "authentication_required",
            "authentication_not_handled",
            "offline_pin_required",
            "online_or_offline_pin_required",
            "payment_intent_authentication_failure",
        ],
        "authentication_failed",
    ),
    **dict.fromkeys(
        ["card_velocity_exceeded", "pin_try_exceeded", "withdrawal_count_limit_exceeded"],
        "limit_exceeded",
    ),
    **dict.fromkeys(
        ["issuer_not_available", "processing_error", "reenter_transaction", "try_again_later"],
        "processing_error",
    ),
}
FINAL: Final = frozenset({"lost_card", "stolen_card", "pickup_card", "fraudulent"})
"""That card must never be tried again."""


def declined(code: str | None, decline_code: str | None) -> Declined:
    """The more special of the two that is known decides."""
    words = [word for word in (decline_code, code) if word]
    known: DeclineCode = next((_WORDS[word] for word in words if word in _WORDS), "card_declined")
    return Declined(code=known, is_final=any(word in FINAL for word in words))
