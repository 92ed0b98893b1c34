"""What holds a model's reply to its plan, token by token: whatever it prefers, the reply passes
`filling.check` within its budget.

Demanded placeholders come in order and at the latest when the tokens that are left only just suffice
for them; what belongs to an offer or place comes while that one was named last; words that may stand
only in values cannot come about; the end comes only when all is said.
"""

from dataclasses import dataclass, field
from typing import Final

from inference.wording.filling import LISTED
from inference.wording.lexicon import ENDINGS, Lexicon, Mask, Mode
from inference.wording.spelling import AFTER_FACT, BETWEEN, MAX_PIECE, MAX_WORD
from protocol.wording import Plan, cleaned

GLUE_EACH: Final = 2
"""Tokens kept for what stands before each fact, while there is room for them."""
LANDING: Final = 7
"""Tokens left from which on the reply ends with the sentence."""


class UnwordableError(ValueError):
    """No reply to this plan can be complete. The message names what is in the way, without facts."""


@dataclass(slots=True)
class _Turn:
    """How far the demanded placeholders are out, and who was named last."""

    left: list[str]
    named: dict[str, str] = field(default_factory=dict)
    once: set[str] = field(default_factory=set)

    def may_say(self, name: str) -> bool:
        if self.left and name == self.left[0]:
            return self._is_at_hand(name)
        if name in self.left or name in self.once:
            return False
        listed = LISTED.fullmatch(name)
        if listed is None:
            return True
        if listed["field"] != "name":
            return self._is_at_hand(name)
        # Another one's name would part the next one demanded from its own.
        awaited = LISTED.fullmatch(self.left[0]) if self.left else None
        return (
            awaited is None
            or awaited["field"] == "name"
            or (awaited["kind"], awaited["number"]) == (listed["kind"], listed["number"])
            or awaited["kind"] != listed["kind"]
        )

    def said(self, name: str) -> None:
        self.once.add(name)
        if self.left and name == self.left[0]:
            del self.left[0]
        listed = LISTED.fullmatch(name)
        if listed is not None and listed["field"] == "name":
            self.named[listed["kind"]] = listed["number"]

    def _is_at_hand(self, name: str) -> bool:
        listed = LISTED.fullmatch(name)
        return (
            listed is None
            or listed["field"] == "name"
            or self.named.get(listed["kind"]) == listed["number"]
        )


Path = tuple[int, ...]


class Completeness:
    """One reply's constraint (`inference.engine.request.Constraint`), of at most `budget` tokens.

    Borrows: the lexicon, whose thread it lives in.
    """

    def __init__(self, lexicon: Lexicon, budget: int) -> None:
        self._lexicon = lexicon
        self._left_tokens = budget
        self._word, self._length = BETWEEN, 0
        self._is_visible = self._is_at_stop = False
        self._is_open = True
        self._spelled: Path = ()
        """Of the placeholder that is being spelled."""
        self._ways: dict[Path, str] = {}
        self._turn = _Turn([])
        self._note_turn()

    def start(self, plan: Plan) -> Mask:
        """Raises `UnwordableError`: it lacks a fact, or its facts do not fit into the budget."""
        facts = [name for name, value in plan.facts.items() if _says_something(value)]
        try:
            demanded = list(plan.demanded())
        except KeyError as missing:
            raise UnwordableError(f"no fact for {missing.args[0]}") from None
        spellings = self._lexicon.spellings
        for name in demanded:
            if name not in facts or name not in spellings:
                raise UnwordableError(f"{name} cannot be said")
        self._ways = {way: name for name in facts for way in spellings.get(name, ())}
        _check_order(demanded)
        self._turn = _Turn(demanded)
        self._note_turn()
        if self._left_tokens < self._cost + GLUE_EACH * len(demanded) + 4:
            raise UnwordableError(f"{len(demanded)} facts in {self._left_tokens} tokens")
        return self._mask()

    def advance(self, token: int) -> Mask:
        """After `token`, which was allowed."""
        self._left_tokens -= 1
        if self._spelled or token in self._starts:
            self._spell(token)
        else:
            text = self._lexicon.texts[token] or ""
            self._word, self._length = self._lexicon.follow(self._word, self._length, token)
            self._is_open = self._lexicon.opens(token)
            if said := text.strip():
                self._is_visible = True
                self._is_at_stop = said[-1] in ENDINGS
        return self._mask()

    def _spell(self, token: int) -> None:
        self._spelled = (*self._spelled, token)
        name = self._ways.get(self._spelled)
        if name is None:
            return
        self._spelled = ()
        self._word, self._length = (AFTER_FACT if self._lexicon.is_tidy else BETWEEN), 0
        self._is_visible, self._is_at_stop = True, False
        self._is_open = not self._lexicon.is_tidy
        self._turn.said(name)
        self._note_turn()

    def _note_turn(self) -> None:
        """What may be said changes only with a placeholder."""
        turn = self._turn
        able = tuple((way, name) for way, name in self._ways.items() if turn.may_say(name))
        self._next = turn.left[0] if turn.left else None
        self._cost = sum(map(self._cost_of, turn.left))
        # Where a fact can follow at once, those without a space of their own come, if there are such.
        bare = {name for way, name in able if not self._is_spaced(way)}
        self._if_open = tuple(
            (way, name) for way, name in able if not (name in bare and self._is_spaced(way))
        )
        self._if_closed = tuple((way, name) for way, name in able if self._is_spaced(way))
        self._starts = frozenset(way[0] for way, _ in able)
        self._open_starts = frozenset(way[0] for way, _ in self._if_open)
        self._closed_starts = frozenset(way[0] for way, _ in self._if_closed)
        self._longest = max((len(way) for way, _ in able), default=0)

    def _is_spaced(self, way: Path) -> bool:
        return way[0] in self._lexicon.spaced

    def _cost_of(self, name: str) -> int:
        """Tokens, one of them for what holds it apart."""
        is_apart = self._lexicon.is_tidy
        return min(
            len(way) + (is_apart and not self._is_spaced(way))
            for way in self._lexicon.spellings[name]
        )

    def _slots(self, is_hurried: bool) -> frozenset[int]:
        """The tokens by which a placeholder begins or goes on that can still be said in time."""
        at = len(self._spelled)
        if not (at or is_hurried) and self._left_tokens - self._cost >= self._longest:
            return self._open_starts if self._is_open else self._closed_starts
        able = self._if_open if self._is_open else self._if_closed
        found: set[int] = set()
        for way, name in (*self._if_open, *self._if_closed) if at else able:
            if way[:at] != self._spelled or (is_hurried and name != self._next):
                continue
            spared = self._cost_of(name) if name == self._next else 0
            if self._left_tokens - (len(way) - at) >= self._cost - spared:
                found.add(way[at])
        return frozenset(found)

    def _mask(self) -> Mask:
        lexicon, spare = self._lexicon, self._left_tokens - self._cost
        if self._spelled:
            slots = self._slots(is_hurried=False)
            return lexicon.mask(Mode.NOT, BETWEEN, slots=slots, may_end=False)
        left = len(self._turn.left)
        mode = self._mode(spare, left)
        is_hurried = left > 0 and mode in (Mode.HURRIED, Mode.NOT, Mode.APART)
        is_whole = mode is not Mode.ONLY_ON
        slots = frozenset[int]()
        if is_whole and (left or mode not in (Mode.NOT, Mode.LAST)):
            slots = self._slots(is_hurried)
        return lexicon.mask(
            mode,
            self._word,
            slots=slots,
            may_end=is_whole and not left and self._is_visible,
            spare=spare - 1 if self._is_short and mode is not Mode.NEARLY_LAST else 0,
            may_stop=not left,
        )

    @property
    def _is_short(self) -> bool:
        """Whether a piece may follow that must be followed itself."""
        return self._lexicon.is_listed or self._length + MAX_PIECE < MAX_WORD

    def _mode(self, spare: int, left: int) -> Mode:
        if self._lexicon.must_go_on(self._word):
            return Mode.ONLY_ON
        if left and spare <= 0:
            return Mode.NOT if self._is_open else Mode.APART
        if not self._is_visible:
            return Mode.AT_FIRST
        if self._length >= MAX_WORD:
            return Mode.ONLY_OFF
        if left:
            return Mode.HURRIED if spare <= GLUE_EACH * left else Mode.FREELY
        if self._is_at_stop and self._left_tokens <= LANDING:
            return Mode.NOT
        return {1: Mode.LAST, 2: Mode.NEARLY_LAST}.get(self._left_tokens, Mode.FREELY)


def _says_something(value: str) -> bool:
    """Whether anything is left of it once it is cleaned; letters and figures always are."""
    return any(map(str.isalnum, value)) or bool(cleaned(value))


def _check_order(demanded: list[str]) -> None:
    """Whether each field follows its own name."""
    turn = _Turn(list(demanded))
    for name in demanded:
        if not turn.may_say(name):
            raise UnwordableError(f"{name} without its name")
        turn.said(name)
