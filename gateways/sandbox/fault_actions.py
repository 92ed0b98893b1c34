"""What a rule can let happen on Stripe's side (APIS §11), to requests and to webhooks.

A webhook's rules match `"api": "stripe.webhooks"`, `pathRegex` in `/` and the event's type, `bodyRegex` in the event's JSON.
"""

from typing import Annotated

from msgspec import Meta, Struct

Millis = Annotated[int, Meta(ge=0, le=600_000)]


class Action(Struct, frozen=True, forbid_unknown_fields=True, rename="camel", tag_field="type"):
    """What happens. The words of JSON are those of the class, in snake case."""


class InUse(Action, frozen=True, tag="409_in_use"):
    """409 `idempotency_key_in_use`: nothing is done or kept under the key."""


class Replay500(Action, frozen=True, tag="replay_500"):
    """500, which is what every replay of the key gets; `afterEffect`: what was asked is done."""

    after_effect: bool = True


class ShouldRetry(Action, frozen=True, tag="should_retry"):
    """The answer carries `Stripe-Should-Retry`."""

    value: bool


class AuthExpireNow(Action, frozen=True, tag="auth_expire_now"):
    """An authorisation is over before the request is looked at: that of `paymentIntent`, else of the
    payment in the path."""

    payment_intent: str | None = None


class Decline(Action, frozen=True, tag="decline"):
    """The card is declined with this decline code, whatever card it is."""

    code: Annotated[str, Meta(min_length=1, max_length=60)] = "generic_decline"


class RefundFailLater(Action, frozen=True, tag="refund_fail_later"):
    """The refund that is made fails after `ms` of business time."""

    ms: Millis = 60_000


class Drop(Action, frozen=True, tag="drop"):
    """The event is never sent; it can be listed, as undelivered."""


class Duplicate(Action, frozen=True, tag="duplicate"):
    """The event is sent `n` times more."""

    n: Annotated[int, Meta(ge=1, le=20)] = 1


class Reorder(Action, frozen=True, tag="reorder"):
    """The event is sent after the next one to that endpoint, or two seconds later."""


class Delay(Action, frozen=True, tag="delay"):
    """The event is sent so much later, in wall time; several add up."""

    ms: Millis


class OldTimestamp(Action, frozen=True, tag="old_timestamp"):
    """The first attempt's signature is so many seconds old. Retries are right."""

    seconds: Annotated[int, Meta(ge=1, le=86_400)] = 600


class BadSignature(Action, frozen=True, tag="bad_signature"):
    """The first attempt's signature is of another secret. Retries are right."""


class TwoSecrets(Action, frozen=True, tag="two_secrets"):
    """As while secrets rotate: two signatures, the right one second."""


StripeAction = InUse | Replay500 | AuthExpireNow | Decline | RefundFailLater
WebhookAction = Drop | Duplicate | Reorder | Delay | OldTimestamp | BadSignature | TwoSecrets
