"""Small grammars in which templates are written: parsing and expanding, pure.

A pattern is text with `{placeholder}`, `<this|or this|>` (one of them), `[only if {its} facts are there]`
and `$name` (a rule of the same voice). In the rules of a list `{offer.n.price}` means the item's own.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final

from protocol.wording import MAX_LISTED, PLACEHOLDERS

Choose = Callable[[int], int]
"""One of so many, by number from 0."""

LISTS: Final[Mapping[str, str]] = {"offers": "offer", "places": "place"}
"""`$offers` is rule `offer` for the first and `offer+` for each further one that is there."""

_SPECIAL: Final = re.compile(r"[<>|\[\]{}]|\$[a-z]+")
_SLOT: Final = re.compile(r"\{([a-z]+(?:\.[n\d])?(?:\.[a-z]+)?)\}")
_KNOWN: Final = frozenset((*PLACEHOLDERS, *(re.sub(r"\.\d\.", ".n.", one) for one in PLACEHOLDERS)))


class GrammarError(ValueError):
    """A pattern that cannot be read; says where."""


@dataclass(frozen=True, slots=True)
class Text:
    text: str


@dataclass(frozen=True, slots=True)
class Slot:
    name: str


@dataclass(frozen=True, slots=True)
class Rule:
    name: str


@dataclass(frozen=True, slots=True)
class OneOf:
    ways: tuple["Pattern", ...]


@dataclass(frozen=True, slots=True)
class IfThere:
    """Said when all its facts are there, and then always."""

    pattern: "Pattern"


Node = Text | Slot | Rule | OneOf | IfThere
Pattern = tuple[Node, ...]
Rules = Mapping[str, Pattern]


def parsed(source: str) -> Pattern:
    """Raises `GrammarError`."""
    ways, end = _ways(source, 0, "")
    if end != len(source):
        raise GrammarError(f"{source[end]!r} closes nothing in {source!r}")
    return ways[0] if len(ways) == 1 else (OneOf(tuple(ways)),)


def slots_of(pattern: Pattern, rules: Rules) -> frozenset[str]:
    """All placeholders that it may say, those of lists with `n`. Raises `GrammarError` for a rule that
    is not there."""
    found: set[str] = set()
    for node in pattern:
        match node:
            case Slot(name):
                found.add(name)
            case Rule(name):
                for part in _parts(name, rules):
                    found |= slots_of(part, rules)
            case OneOf(ways):
                found.update(*(slots_of(way, rules) for way in ways))
            case IfThere(inner):
                found |= slots_of(inner, rules)
            case Text():
                pass
    return frozenset(found)


def is_sayable(pattern: Pattern, rules: Rules, facts: Mapping[str, str], n: int = 0) -> bool:
    """Whether the facts suffice for some way of saying it."""
    for node in pattern:
        match node:
            case Slot(name) if _of(name, n) not in facts:
                return False
            case OneOf(ways) if not any(is_sayable(way, rules, facts, n) for way in ways):
                return False
            case Rule(name) if not is_sayable(_parts(name, rules)[0], rules, facts, n or 1):
                return False
            case _:
                pass
    return True


def expanded(
    pattern: Pattern, rules: Rules, facts: Mapping[str, str], choose: Choose, n: int = 0
) -> str:
    """One way of saying what `is_sayable`, with placeholders."""
    said: list[str] = []
    for node in pattern:
        match node:
            case Text(text):
                said.append(text)
            case Slot(name):
                said.append(f"{{{_of(name, n)}}}")
            case OneOf(ways):
                able = [way for way in ways if is_sayable(way, rules, facts, n)]
                said.append(expanded(able[choose(len(able))], rules, facts, choose, n))
            case IfThere(inner):
                # All of them, not some way that needs none: a clause is there for its facts.
                if is_sayable(inner, rules, facts, n):
                    said.append(expanded(inner, rules, facts, choose, n))
            case Rule(name) if name in LISTS:
                said.extend(_listed(name, rules, facts, choose))
            case Rule(name):
                said.append(expanded(rules[name], rules, facts, choose, n))
    return "".join(said)


def _listed(name: str, rules: Rules, facts: Mapping[str, str], choose: Choose) -> list[str]:
    """Each further item is joined in another way than the one before, where there is one."""
    first, further = _parts(name, rules)
    said = [expanded(first, rules, facts, choose, 1)]
    start = choose(MAX_LISTED)
    for number in range(2, MAX_LISTED + 1):
        if f"{LISTS[name]}.{number}.name" not in facts:
            break
        said.append(expanded(further, rules, facts, in_turn(start + number), number))
    return said


def in_turn(turn: int) -> Choose:
    """The same of so many for everybody, another at the next turn."""
    return lambda count: turn % count


def _parts(name: str, rules: Rules) -> tuple[Pattern, ...]:
    names = (LISTS[name], f"{LISTS[name]}+") if name in LISTS else (name,)
    try:
        return tuple(rules[one] for one in names)
    except KeyError as missing:
        raise GrammarError(f"no rule {missing.args[0]}") from None


def _of(name: str, n: int) -> str:
    return name.replace(".n.", f".{n}.")


def _ways(source: str, at: int, closing: str) -> tuple[list[Pattern], int]:
    """Alternatives up to the sign that closes them, or the end."""
    ways: list[Pattern] = []
    nodes: list[Node] = []
    while at < len(source):
        special = _SPECIAL.search(source, at)
        if special is None:
            nodes.append(Text(source[at:]))
            at = len(source)
            break
        if special.start() > at:
            nodes.append(Text(source[at : special.start()]))
        at, sign = special.start(), special[0]
        if sign == closing:
            break
        if sign == "|":
            ways.append(tuple(nodes))
            nodes, at = [], at + 1
            continue
        node, at = _node(source, at, sign)
        nodes.append(node)
    return [*ways, tuple(nodes)], at


def _node(source: str, at: int, sign: str) -> tuple[Node, int]:
    if sign[0] == "$":
        return Rule(sign[1:]), at + len(sign)
    if sign == "{":
        slot = _SLOT.match(source, at)
        if slot is None or slot[1] not in _KNOWN:
            raise GrammarError(f"no placeholder at {source[at : at + 30]!r}")
        return Slot(slot[1]), slot.end()
    if sign not in "<[":
        raise GrammarError(f"{sign!r} closes nothing in {source!r}")
    closing = ">" if sign == "<" else "]"
    ways, end = _ways(source, at + 1, closing)
    if source[end : end + 1] != closing:
        raise GrammarError(f"{sign!r} is not closed in {source!r}")
    if sign == "<":
        return OneOf(tuple(ways)), end + 1
    if len(ways) > 1:
        ways = [(OneOf(tuple(ways)),)]
    if not slots_of(ways[0], {}):
        raise GrammarError(f"no fact is needed for {source[at : end + 1]!r}")
    return IfThere(ways[0]), end + 1
