"""Handing an envelope on: the next actor answers whoever asked the first."""

from typing import Any

from core.envelope import Envelope
from core.identity import Principal
from core.reference import Ref
from core.waits import Asker


def forward(
    envelope: Envelope[Any], to: Ref[Any], message: object, *, principal: Principal | None = None
) -> None:
    """Deliver `message` in the envelope's place, for `principal` (None: its own). Raises as
    `Ref.deliver_nowait`, and `CallCycleError` when `to` waits for that answer, directly or through
    others; the answer is then still owed by the caller."""
    asker = envelope.reply
    if isinstance(asker, Asker):
        asker.require_answerable(to.address)
    to.deliver_nowait(
        Envelope(
            message,
            principal=principal or envelope.principal,
            client=envelope.client,
            reply=asker,
            deadline=envelope.deadline,
        )
    )
    if asker is not None:
        envelope.settle()
    if isinstance(asker, Asker):
        asker.callee, asker.is_deferred = to.address, False
