"""Whether a text could have been written by templates: a matcher over their grammars, pure."""

import re
from collections.abc import Mapping
from typing import Final

from inference.wording.grammar import (
    LISTS,
    IfThere,
    OneOf,
    Pattern,
    Rule,
    Rules,
    Slot,
    Text,
    is_sayable,
)
from inference.wording.templates import MOODY, Speech
from protocol.wording import MAX_LISTED, Plan

_TOKEN: Final = re.compile(r"\s+|.", re.S)


def is_derivable(text: str, plan: Plan, spoken: Speech) -> bool:
    """Whether some choice of `spoken` words the plan like this, spaces aside."""
    text = " ".join(text.split())
    matcher = _Matcher(text, spoken.rules, plan.facts)
    starts = {0}
    if plan.act in MOODY.get(plan.mood, ()):
        starts = matcher.after_text(" ", matcher.after(spoken.rules[plan.mood], starts, 0))
    return any(
        len(text) in matcher.after(pattern, starts, 0)
        for pattern in spoken.acts[plan.act]
        if is_sayable(pattern, spoken.rules, plan.facts)
    )


class _Matcher:
    """Sets of places in the text that are reached. Follows `grammar.expanded` node by node, with all
    choices at once."""

    def __init__(self, text: str, rules: Rules, facts: Mapping[str, str]) -> None:
        self._text, self._rules, self._facts = text, rules, facts

    def after(self, pattern: Pattern, places: set[int], n: int) -> set[int]:
        for node in pattern:
            if not places:
                break
            match node:
                case Text(text):
                    places = self.after_text(text, places)
                case Slot(name):
                    places = self.after_text(f"{{{name.replace('.n.', f'.{n}.')}}}", places)
                case OneOf(ways):
                    reached: set[int] = set()
                    for way in ways:
                        if is_sayable(way, self._rules, self._facts, n):
                            reached |= self.after(way, places, n)
                    places = reached
                case IfThere(inner):
                    if is_sayable(inner, self._rules, self._facts, n):
                        places = self.after(inner, places, n)
                case Rule(name) if name in LISTS:
                    places = self._after_list(LISTS[name], places)
                case Rule(name):
                    places = self.after(self._rules[name], places, n)
        return places

    def _after_list(self, kind: str, places: set[int]) -> set[int]:
        places = self.after(self._rules[kind], places, 1)
        for number in range(2, MAX_LISTED + 1):
            if f"{kind}.{number}.name" not in self._facts:
                break
            places = self.after(self._rules[f"{kind}+"], places, number)
        return places

    def after_text(self, text: str, places: set[int]) -> set[int]:
        """Spaces of the text are one; where one was, or at an end, those of a pattern may be none."""
        for token in _TOKEN.findall(text):
            reached = set()
            for place in places:
                if not token.isspace():
                    if self._text.startswith(token, place):
                        reached.add(place + 1)
                    continue
                if self._text.startswith(" ", place):
                    reached.add(place + 1)
                elif place in (0, len(self._text)) or self._text[place - 1] == " ":
                    reached.add(place)
            places = reached
        return places
