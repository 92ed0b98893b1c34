"""A voice's grammar made ready to be drawn from half a million times: what needs no fact is not asked for any.

Says what `grammar.expanded` says for the same choices, some five times as fast.
"""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from inference.wording.grammar import (
    LISTS,
    Choose,
    IfThere,
    Node,
    OneOf,
    Pattern,
    Rule,
    Rules,
    Slot,
    Text,
    in_turn,
)
from inference.wording.templates import MOODY, Speech
from protocol.wording import MAX_LISTED, Act, Plan

Facts = Mapping[str, str]
Can = Callable[[Facts, int], bool]
Tell = Callable[[Facts, Choose, int, list[str]], None]


@dataclass(frozen=True, slots=True)
class _Part:
    """`can`: whether the facts suffice; None: always. `tell`: appends what it says."""

    can: Can | None
    tell: Tell


class Speaker:
    """One voice. Draws replies to plans."""

    def __init__(self, spoken: Speech) -> None:
        self._spoken = spoken
        self._compiler = _Compiler(spoken.rules)
        self._acts: dict[Act, list[_Part]] = {}

    def say(self, plan: Plan, dice: random.Random) -> str:
        """A reply, with placeholders."""
        facts, choose = plan.facts, dice.randrange
        said: list[str] = []
        able = [one for one in self._ways(plan.act) if one.can is None or one.can(facts, 0)]
        dice.choice(able).tell(facts, choose, 0, said)
        if plan.act in MOODY.get(plan.mood, ()):
            mood: list[str] = []
            self._compiler.rule(plan.mood).tell(facts, choose, 0, mood)
            said = [*mood, " ", *said]
        return " ".join("".join(said).split())

    def _ways(self, act: Act) -> list[_Part]:
        if act not in self._acts:
            self._acts[act] = [self._compiler.pattern(one) for one in self._spoken.acts[act]]
        return self._acts[act]


class _Compiler:
    def __init__(self, rules: Rules) -> None:
        self._rules = rules
        self._made: dict[str, _Part] = {}

    def pattern(self, pattern: Pattern) -> _Part:
        parts = [self._node(node) for node in pattern]
        tells = [part.tell for part in parts]
        cans = [part.can for part in parts if part.can is not None]

        def can(facts: Facts, n: int) -> bool:
            return all(one(facts, n) for one in cans)

        def tell(facts: Facts, choose: Choose, n: int, said: list[str]) -> None:
            for one in tells:
                one(facts, choose, n, said)

        return _Part((cans[0] if len(cans) == 1 else can) if cans else None, tell)

    def _node(self, node: Node) -> _Part:
        match node:
            case Text(text):
                return _Part(None, lambda facts, choose, n, said: said.append(text))
            case Slot(name):
                return _slot(name)
            case OneOf(ways):
                return _one_of([self.pattern(way) for way in ways])
            case IfThere(inner):
                part = self.pattern(inner)

                def tell(facts: Facts, choose: Choose, n: int, said: list[str]) -> None:
                    if part.can is None or part.can(facts, n):
                        part.tell(facts, choose, n, said)

                return _Part(None, tell)
            case Rule(name) if name in LISTS:
                return _listed(LISTS[name], self.rule(LISTS[name]), self.rule(f"{LISTS[name]}+"))
            case Rule(name):
                rule = self.rule(name)
                able = rule.can
                can = None if able is None else (lambda facts, n: able(facts, n or 1))
                return _Part(can, rule.tell)

    def rule(self, name: str) -> _Part:
        if name not in self._made:
            self._made[name] = self.pattern(self._rules[name])
        return self._made[name]


def _slot(name: str) -> _Part:
    names = [name.replace(".n.", f".{n}.") for n in range(MAX_LISTED + 1)]

    def tell(facts: Facts, choose: Choose, n: int, said: list[str]) -> None:
        said.append(f"{{{names[n]}}}")

    return _Part(lambda facts, n: names[n] in facts, tell)


def _one_of(ways: list[_Part]) -> _Part:
    def can(facts: Facts, n: int) -> bool:
        return any(way.can is None or way.can(facts, n) for way in ways)

    def tell(facts: Facts, choose: Choose, n: int, said: list[str]) -> None:
        able = [way for way in ways if way.can is None or way.can(facts, n)]
        able[choose(len(able))].tell(facts, choose, n, said)

    def tell_any(facts: Facts, choose: Choose, n: int, said: list[str]) -> None:
        ways[choose(len(ways))].tell(facts, choose, n, said)

    always = [way.can is None for way in ways]
    return _Part(None if any(always) else can, tell_any if all(always) else tell)


def _listed(kind: str, first: _Part, further: _Part) -> _Part:
    """As `grammar` does: each further item is joined in another way than the one before."""

    def tell(facts: Facts, choose: Choose, n: int, said: list[str]) -> None:
        first.tell(facts, choose, 1, said)
        start = choose(MAX_LISTED)
        for number in range(2, MAX_LISTED + 1):
            if f"{kind}.{number}.name" not in facts:
                break
            further.tell(facts, in_turn(start + number), number, said)

    able = first.can
    return _Part(None if able is None else (lambda facts, n: able(facts, n or 1)), tell)
