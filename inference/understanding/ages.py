"""How old the children are that come along, in four languages at once."""

import re
from typing import Final

OLDEST: Final = 17
MOST: Final = 9

_AND: Final = r"(?:\s?,\s?(?:and |und |y |et )?|\s?(?:and|und|y|et|&|\+|/)\s?|\s)"
LIST: Final = rf"1?\d(?:{_AND}1?\d){{0,{MOST - 1}}}"
"""No more than there may be, so that a text of numbers is not gone through once for each of them."""
SEVERAL: Final = rf"1?\d(?:{_AND}1?\d){{1,{MOST - 1}}}"
NO_AGES: Final = (
    r"(?!\d|[.:/]\d|\.\s?(?:bis|-)| ?(?:nights?|days?|weeks?|adults?|people|rooms?|nachte?|tage?|wochen?|noches?|dias?|semanas?"
    r"|nuits?|jours?|semaines?|€|\$|£|eur|st\b|nd\b|rd\b|th\b))"
)
"""After what is no age."""

_OLD: Final = r"(?:[ -]?(?:yo|y/o|yrs?(?: old)?|year[ -]?olds?|years?(?: old)?|jahrig\w*|jahren?(?: alt)?|anos|anitos|ans)\b)"
_OF_YEARS: Final = re.compile(rf"\b(?P<ages>{LIST}){_OLD}")
_OF_MONTHS: Final = re.compile(
    r"\b(?P<months>\d{1,2})[ -]?(?:months?[ -]old|monate alt|monatig\w*|meses|mois)\b"
)
_BABY: Final = re.compile(
    r"\b(?:bab(?:y|ies|ys)|newborns?|infants?|bebes?|saugling\w*|neugeboren\w*|nourrissons?)\b"
)
THEY_ARE: Final = re.compile(
    rf"\b(?:they(?:'re| are| r)|they are aged|sie sind|die (?:kinder|kids|kleinen) sind|(?:los ninos )?tienen|(?:ils|elles) ont)"
    rf" (?P<ages>{SEVERAL}\b|1?\d(?={_OLD})){NO_AGES}"
)
"""Children that were named before."""


def ages_in(text: str, listed: str) -> tuple[int, ...]:
    """Of the children that a folded text names, babies first. `listed`: numbers that stand right after them."""
    months = [int(match["months"]) // 12 for match in _OF_MONTHS.finditer(text)]
    babies = months or [0] * bool(_BABY.search(text))
    years = [age for match in _OF_YEARS.finditer(text) for age in _numbers(match["ages"])]
    return tuple(babies + (years or list(_numbers(listed))))[:MOST]


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(age) for age in re.findall(r"\d+", text) if int(age) <= OLDEST)
