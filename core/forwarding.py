"""Handing an envelope on: the next actor answers whoever asked the first."""

from typing import Any

from core.envelope import Envelope
from core.errors import CallCycleError
from core.identity import Principal
from core.reference import Ref
from core.waits import Asker


def forward(
    envelope: Envelope[Any], to: Ref[Any], message: object, *, principal: Principal | None = None
) -> None:
    """Deliver `message` in the envelope's place, for `principal` (None: its own). Raises as
    `Ref.deliver_nowait`, and `CallCycleError` when `to` itself waits for that answer; the answer is
    then still owed by the caller."""
    if envelope.reply is not None and to.address in envelope.path:
        raise CallCycleError([str(name) for name in (*envelope.path, to.address)])
    asker = envelope.reply
    to.deliver_nowait(
        Envelope(
            message,
            principal=principal or envelope.principal,
            client=envelope.client,
            reply=envelope.reply,
            deadline=envelope.deadline,
            path=envelope.path,
        )
    )
    if asker is not None:
        envelope.settle()
    if isinstance(asker, Asker):
        asker.callee, asker.is_deferred = to.address, False
