"""What the courier of invitations does not read."""

from typing import Any, cast

from actors.user.courier import Courier
from core.delivery import Delivery
from core.ports.message_log import MessageLog
from core.ports.outbox import OutboxEvent


class ClosedLog:
    """A log that nobody is to open."""

    async def read(self, *args: Any, **kwargs: Any) -> Any:
        raise AssertionError("the log was read")


async def test_mere_talk_costs_the_courier_no_look_into_the_log() -> None:
    courier = Courier(cast(MessageLog, ClosedLog()), cast(Delivery, None))
    said = OutboxEvent(position=1, tenant_id=1, topic="room.said", key="r", first=2, last=900)
    await courier.receive([said])
