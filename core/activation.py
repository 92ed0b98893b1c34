"""The life of a virtual actor from its first envelope to its passivation, whatever crashes within."""

from typing import Final

import structlog
import trio

from core.actor import ActorSpec
from core.crash_record import describe, record_of, summary_of
from core.dead_letters import Cause
from core.errors import Rejected, Resting, Unavailable
from core.incarnation import Incarnation
from core.mailbox import Mailbox
from core.monitors import Ending
from core.restart_policy import Restart
from core.runtime import Runtime
from protocol.addresses import Address

log: Final = structlog.get_logger("core.activation")


class Activation:
    """A name's mailbox, and one incarnation after another that reads it.

    Owns: the mailbox and its place in the registry. Borrows: the runtime's parts.
    Lets crash: nothing; a crash of its actor is its business.
    """

    def __init__(self, address: Address, spec: ActorSpec, runtime: Runtime) -> None:
        self.address = address
        self.spec = spec
        self.mailbox = Mailbox(spec)
        self._runtime = runtime
        self._incarnation: Incarnation | None = None
        self._backoff = trio.CancelScope()
        self._crashed_at: list[float] = []
        self._failed_starts = 0
        self._must_return = False
        self._is_retiring = False
        self._is_cut = False

    async def run(self) -> None:
        """Until nothing is queued and the actor rests, or it cannot go on."""
        try:
            # Cut before its first turn came, it does not begin: nobody would cut it again.
            while not self._is_cut and await self._live_once():
                self._runtime.places.stays(self.address)
        finally:
            if self._incarnation is not None:
                self._incarnation.settle(Unavailable())
            self.close()

    def close(self) -> None:
        """Leave the registry; what is still queued will not be handled."""
        self._runtime.registry.remove(self)
        self._tell_monitors(Ending.SHUT_DOWN)
        self._bury(Cause.SHUT_DOWN, Unavailable())

    def retire(self) -> None:
        """The system drains: end when the mailbox is empty."""
        self._is_retiring = True
        if self.mailbox.is_empty:
            self._backoff.cancel()
        if self._incarnation is not None:
            self._incarnation.retire()

    def cut(self) -> None:
        """The system's patience is over: end now, with `stopping` as the last word."""
        self._is_cut = True
        self._backoff.cancel()
        if self._incarnation is not None:
            self._incarnation.cut()

    async def _live_once(self) -> bool:
        """One incarnation. Whether another follows."""
        incarnation = Incarnation(self.address, self.spec, self.mailbox, self._runtime)
        self._incarnation = incarnation
        if self._is_retiring:
            incarnation.retire()
        try:
            refusal = await incarnation.run()
        except Exception as crash:
            return await self._after_crash(incarnation, crash)
        incarnation.settle(Unavailable())
        if refusal is not None:
            return await self._after_refusal(refusal)
        self._failed_starts = 0
        self._must_return = False
        self._runtime.counts.passivations += 1
        # A tell during the handshake was held: the next incarnation is for it.
        is_wanted = not self.mailbox.is_empty
        is_over = self._is_cut or self._is_retiring
        reason = Ending.SHUT_DOWN if is_over else Ending.PASSIVATED
        self._tell_monitors(reason, will_restart=is_wanted)
        return is_wanted

    async def _after_crash(self, incarnation: Incarnation, crash: Exception) -> bool:
        runtime, policy = self._runtime, self.spec.restart
        runtime.counts.crashes += 1
        self._failed_starts = 0
        reference = runtime.ids.uuid7()
        self._record(incarnation, crash, reference)
        incarnation.settle(_internal(reference))
        if incarnation.is_leaving:
            # It was on its way out: nothing to restart but for what was told meanwhile.
            is_wanted = not self.mailbox.is_empty
            self._tell_monitors(Ending.CRASHED, will_restart=is_wanted, reference=reference)
            return is_wanted
        now = trio.current_time()
        self._crashed_at = [*(at for at in self._crashed_at if policy.counts(at, now)), now]
        if policy.restart is Restart.TEMPORARY:
            self._tell_monitors(Ending.CRASHED, reference=reference)
            return self._give_up(rest_for=0.0)
        if len(self._crashed_at) > policy.intensity:
            self._tell_monitors(Ending.GAVE_UP, reference=reference)
            return self._give_up(rest_for=policy.backoff_most)
        runtime.counts.restarts += 1
        self._tell_monitors(Ending.CRASHED, will_restart=True, reference=reference)
        # What it had begun when it crashed is for its successor to end, though nobody speaks to it.
        self._must_return = True
        await self._back_off(len(self._crashed_at))
        return True

    def _record(self, incarnation: Incarnation, crash: Exception, reference: str) -> None:
        """What is found of a crash may itself be broken: then less is said of it, and nobody else is
        harmed."""
        recent = incarnation.recent()
        crashed = log.bind(kind=self.address.kind, key=self.address.key, reference=reference)
        try:
            state = incarnation.redacted_state()
        except Exception as error:
            state = f"unreadable: {type(error).__name__}"
        try:
            crashed.error(
                "actor crashed",
                **describe(crash),
                recent_messages=[type(envelope.message).__name__ for envelope in recent],
                state=summary_of(state),
            )
        except Exception as error:
            unsayable = type(error).__name__
            crashed.error("actor crashed", error=type(crash).__name__, unsayable=unsayable)
        records = self._runtime.crash_records
        if records is None or not records.may_keep():
            return
        try:
            records.keep_nowait(
                record_of(self.address, crash, reference=reference, recent=recent, state=state)
            )
        except Exception as error:
            log.error("crash not recorded", reference=reference, error=type(error).__name__)

    def _give_up(self, *, rest_for: float) -> bool:
        if rest_for > 0:
            self._runtime.registry.rest(self.address, rest_for)
        self._bury(Cause.GAVE_UP, Resting(retry_after_ms=max(1_000, int(rest_for * 1_000))))
        return False

    async def _after_refusal(self, refusal: Rejected) -> bool:
        self._runtime.counts.failed_starts += 1
        if not refusal.temporary:
            self._tell_monitors(Ending.REFUSED)
            self._bury(Cause.NOT_STARTED, refusal)
            return False
        asks = self.mailbox.take_asks()
        self._runtime.dead_letters.bury(self.address, asks, Cause.NOT_STARTED, refusal)
        is_wanted = not self.mailbox.is_empty or (self._must_return and not self._is_retiring)
        self._tell_monitors(Ending.REFUSED, will_restart=is_wanted)
        if not is_wanted:
            return False
        self._failed_starts += 1
        await self._back_off(self._failed_starts)
        return True

    async def _back_off(self, attempts: int) -> None:
        delay = self.spec.restart.delay(attempts, self._runtime.chance.random())
        with self._backoff:
            await trio.sleep(delay)
        if not self._is_cut:
            self._backoff = trio.CancelScope()

    def _tell_monitors(
        self, reason: Ending, *, will_restart: bool = False, reference: str | None = None
    ) -> None:
        self._runtime.monitors.ended(
            self.address,
            reason,
            will_restart=will_restart and not self._is_cut,
            reference=reference,
        )

    def _bury(self, cause: Cause, answer: Rejected) -> None:
        self._runtime.dead_letters.bury(self.address, self.mailbox.take_all(), cause, answer)


def _internal(reference: str) -> Rejected:
    return Rejected(
        "internal",
        "Something went wrong here. Reference: {reference}",
        params={"reference": reference},
    )
