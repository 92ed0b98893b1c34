"""Prompts that wait: in order per asker, one at a time, and never many."""

from collections import deque
from collections.abc import Awaitable, Callable
from typing import Final

from protocol.persona import Prompt

MOST_PER_ASKER: Final = 3
"""Waiting behind the one that is dealt with."""

MOST_ASKERS: Final = 64


class Waiting:
    """Owns: a queue for each asker who is being served, gone with its last prompt."""

    def __init__(
        self,
        answer: Callable[[Prompt], Awaitable[None]],
        start_soon: Callable[[Callable[[str], Awaitable[None]], str], None],
    ) -> None:
        self._answer, self._start_soon = answer, start_soon
        self._queues: dict[str, deque[Prompt]] = {}

    def __len__(self) -> int:
        return sum(map(len, self._queues.values()))

    def put(self, prompt: Prompt) -> bool:
        """False: there was no place, and nothing happened."""
        asker_id = prompt.message.sender.id
        queue = self._queues.get(asker_id)
        if queue is None:
            if len(self._queues) >= MOST_ASKERS:
                return False
            self._queues[asker_id] = deque([prompt])
            self._start_soon(self._serve, asker_id)
            return True
        if len(queue) > MOST_PER_ASKER:
            return False
        queue.append(prompt)
        return True

    def drop(self, is_meant: Callable[[Prompt], bool]) -> int:
        """Those that nobody needs an answer to any more; how many that were. The one that is dealt with
        goes on."""
        dropped = 0
        for queue in self._queues.values():
            kept = [prompt for at, prompt in enumerate(queue) if at == 0 or not is_meant(prompt)]
            dropped += len(queue) - len(kept)
            queue.clear()
            queue.extend(kept)
        return dropped

    async def _serve(self, asker_id: str) -> None:
        """The first stays in the queue while it is dealt with."""
        queue = self._queues[asker_id]
        while queue:
            await self._answer(queue[0])
            queue.popleft()
        del self._queues[asker_id]
