"""One model at work: its rows, the prompt that is being read, and what each turn of it does."""

from collections.abc import Callable
from dataclasses import dataclass, field

from inference.engine.pace import Pace
from inference.engine.prefixes import PrefixCache
from inference.engine.request import Model, Progress, Prompt, Reply, Request
from inference.engine.sampler import MAX_REPLY_TOKENS, NothingAllowedError


@dataclass(slots=True)
class _Row:
    request: Request
    prompt: Prompt
    read: int = 0
    """Prompt tokens in the cache."""
    begun_at: float = 0.0
    said: list[int] = field(default_factory=list)

    @property
    def is_shared_part(self) -> bool:
        return self.read < self.prompt.shared

    def next_chunk(self, size: int) -> list[int]:
        # Cut where the shared part ends, always: so that the same runs follow whether its keys and
        # values were copied or read, and the logits are the same bit for bit.
        end = self.prompt.shared if self.is_shared_part else len(self.prompt.tokens)
        return list(self.prompt.tokens[self.read : min(end, self.read + size)])


class Lane:
    """Runs one model's rows. A turn is one run: a chunk of a prompt or a step of all rows, by turns
    while there are both; so a newcomer waits for a step at most, and the others for a chunk.

    Owns: the model's slots and the prefixes kept of it. What a run raises fails the requests it was
    for; what an entrant's own parts raise (`prepare`, its constraint) fails that one.
    """

    def __init__(self, model: Model, pace: Pace, clock: Callable[[], float]) -> None:
        self.model = model
        self.pace = pace
        self.prefixes = PrefixCache()
        self.rows: list[_Row] = []
        self.filling: _Row | None = None
        self._clock = clock
        self._is_fillings_turn = True
        self._last_step_at: float | None = None

    @property
    def busy(self) -> int:
        return len(self.rows) + (self.filling is not None)

    @property
    def can_admit(self) -> bool:
        return self.filling is None and len(self.rows) < self.model.slots

    def admit(self, request: Request) -> list[Progress]:
        """Begin with the request's prompt; its failure is its own."""
        row = len(self.rows)
        try:
            prompt = request.prepare(self.model)
            _check(prompt, self.model)
            entrant = _Row(request, prompt, begun_at=self._clock())
            self.model.start(row, prompt.sampling)
            if prompt.constraint is not None and prompt.plan is not None:
                self.model.allow(row, prompt.constraint.start(prompt.plan))
            if prompt.shared:
                kept = self.prefixes.find(tuple(prompt.tokens[: prompt.shared]))
                if kept is not None:
                    self.model.restore(row, kept)
                    entrant.read = prompt.shared
        except Exception as error:
            return [Progress(request, outcome=error)]
        self.filling = entrant
        return []

    def turn(self) -> list[Progress]:
        """One run, if there is anything to run; those who were cancelled are gone before it."""
        self._reap()
        progress: list[Progress] = []
        if self.filling is not None and (self._is_fillings_turn or not self.rows):
            self._is_fillings_turn = False
            self._read(self.filling, progress)
        elif self.rows:
            self._is_fillings_turn = True
            self._step(progress)
        if not self.rows:
            self._last_step_at = None
        return progress

    def fail_all(self, error: Exception) -> list[Progress]:
        """Nobody is left."""
        gone = [*self.rows, *([self.filling] if self.filling is not None else [])]
        self.rows, self.filling = [], None
        return [Progress(row.request, outcome=error) for row in gone]

    def _reap(self) -> None:
        if self.filling is not None and self.filling.request.is_cancelled:
            self.filling = None
        self._drop([at for at, row in enumerate(self.rows) if row.request.is_cancelled])

    def _drop(self, gone: list[int]) -> None:
        """Take rows out; the last ones fill the gaps, and who reads its prompt stays behind them."""
        reading_at = len(self.rows)
        for at in reversed(gone):
            last = len(self.rows) - 1
            if at != last:
                self.model.move(last, at)
                self.rows[at] = self.rows[last]
            self.rows.pop()
        if self.filling is not None and len(self.rows) != reading_at:
            self.model.move(reading_at, len(self.rows))

    def _read(self, entrant: _Row, progress: list[Progress]) -> None:
        row, prompt = len(self.rows), entrant.prompt
        was_shared_part = entrant.is_shared_part
        try:
            chunk = entrant.next_chunk(self.model.chunk)
            self.model.read(row, chunk)
            entrant.read += len(chunk)
            if was_shared_part and not entrant.is_shared_part:
                self.prefixes.keep(tuple(prompt.tokens[: prompt.shared]), self.model.keep(row))
            if entrant.read < len(prompt.tokens):
                return
            token = self.model.first(row)
        except Exception as error:
            self.filling = None
            progress.append(Progress(entrant.request, outcome=error))
            return
        self.pace.prefilled(self._clock() - entrant.begun_at)
        self.filling = None
        self.rows.append(entrant)
        if self._said(row, token, progress):
            self._drop([row])

    def _step(self, progress: list[Progress]) -> None:
        begun_at = self._clock()
        try:
            drawn = self.model.step([row.said[-1] for row in self.rows])
        except Exception as error:
            progress += [Progress(row.request, outcome=error) for row in self.rows]
            self._drop(list(range(len(self.rows))))
            return
        now = self._clock()
        since = begun_at if self._last_step_at is None else self._last_step_at
        self.pace.stepped(now - since)
        self._last_step_at = now
        self._drop([row for row, token in enumerate(drawn) if self._said(row, token, progress)])

    def _said(self, at: int, token: int | NothingAllowedError, progress: list[Progress]) -> bool:
        """Take a token in. Whether that was the row's last."""
        row = self.rows[at]
        request, prompt = row.request, row.prompt
        if isinstance(token, NothingAllowedError):
            progress.append(Progress(request, outcome=token))
            return True
        if token in self.model.ends:
            progress.append(self._ended(row, None, "end"))
            return True
        row.said.append(token)
        is_full = len(prompt.tokens) + len(row.said) > self.model.positions
        if len(row.said) >= prompt.max_tokens or is_full:
            progress.append(self._ended(row, token, "length"))
            return True
        if prompt.constraint is not None:
            try:
                self.model.allow(at, prompt.constraint.advance(token))
            except Exception as error:
                progress.append(Progress(request, outcome=error))
                return True
        progress.append(Progress(request, token, is_first=len(row.said) == 1))
        return False

    def _ended(self, row: _Row, token: int | None, how: str) -> Progress:
        self.pace.replied(len(row.said))
        reply = Reply(
            tokens=tuple(row.said), ended="end" if how == "end" else "length", model=self.model
        )
        return Progress(row.request, token, reply)


def _check(prompt: Prompt, model: Model) -> None:
    if not 0 <= prompt.shared < len(prompt.tokens) <= model.positions:
        raise ValueError(
            f"a prompt of {len(prompt.tokens)} tokens, {prompt.shared} of them shared, "
            f"for {model.positions} positions"
        )
    if not 1 <= prompt.max_tokens <= MAX_REPLY_TOKENS:
        raise ValueError(f"a reply of {prompt.max_tokens} tokens is not drawn")
    if prompt.constraint is not None and prompt.plan is None:
        raise ValueError("a constraint needs a plan")
