"""Which kinds there are, which actors are active, and which rest after too many crashes."""

from collections import OrderedDict
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

import trio

from core.actor import ActorSpec
from protocol.addresses import Address

if TYPE_CHECKING:
    from core.activation import Activation


class Registry:
    """Names to activations. An activation is in it from its first envelope to its passivation, so
    that there is never a second one under the same name."""

    def __init__(self, *, max_resting: int) -> None:
        self._specs: dict[str, ActorSpec] = {}
        self._activations: dict[Address, Activation] = {}
        self._resting: OrderedDict[Address, float] = OrderedDict()
        self._max_resting = max_resting

    def __len__(self) -> int:
        return len(self._activations)

    def __iter__(self) -> Iterator["Activation"]:
        """A snapshot, in the order of activation."""
        return iter(list(self._activations.values()))

    def register(self, spec: ActorSpec) -> None:
        if spec.kind in self._specs:
            raise ValueError(f"the kind {spec.kind!r} is registered already")
        self._specs[spec.kind] = spec

    def spec(self, kind: str) -> ActorSpec:
        """Raises `LookupError` for a kind that nobody registered."""
        try:
            return self._specs[kind]
        except KeyError:
            raise LookupError(f"no actor of kind {kind!r} is registered") from None

    def find(self, address: Address) -> "Activation | None":
        return self._activations.get(address)

    def add(self, activation: "Activation") -> None:
        self._activations[activation.address] = activation

    def remove(self, activation: "Activation") -> None:
        del self._activations[activation.address]

    def rest(self, address: Address, seconds: float) -> None:
        """It crashed too often: no activation for so long. The oldest are forgotten first."""
        self._resting[address] = trio.current_time() + seconds
        self._resting.move_to_end(address)
        if len(self._resting) > self._max_resting:
            self._resting.popitem(last=False)

    def statistics(self) -> Mapping[str, int | float]:
        """How many are remembered as resting; their time may be over."""
        return {"resting": len(self._resting)}

    def rests_for(self, address: Address) -> float:
        """Seconds until it may be activated; 0: now."""
        until = self._resting.get(address)
        if until is None:
            return 0.0
        left = until - trio.current_time()
        if left <= 0:
            del self._resting[address]
            return 0.0
        return left
