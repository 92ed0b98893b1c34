"""What connections may do."""

from dataclasses import dataclass, field

from gateways.client.deadlines import Timing
from gateways.client.frames import MAX_FRAGMENTS
from gateways.client.outbound import MAX_BACKLOG
from gateways.client.rate import Rate
from protocol.limits import DEFAULT_LIMITS, MAX_FRAME_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """What one connection may do. `command_rate` None: rates are not limited.

    `is_conformance`: for the RFC 6455 suite alone: text messages pass, no subprotocol is needed,
    and a connection is open without a hello.
    """

    command_rate: Rate | None = field(
        default_factory=lambda: Rate(DEFAULT_LIMITS.commands_per_second, DEFAULT_LIMITS.burst)
    )
    most_refusals: int = 1_000
    refusals_period: float = 10.0
    max_message_bytes: int = MAX_FRAME_BYTES
    max_fragments: int = MAX_FRAGMENTS
    max_backlog: int = MAX_BACKLOG
    max_handshakes: int = 4_096
    handshake_within: float = 10.0
    is_conformance: bool = False
    timing: Timing = field(default_factory=Timing)
