"""What the policy needs from a message beside its intent and slots: which item, which fact of it,
what kind of place, and how another search should differ (pure).

Closed lists of words in four languages, all searched at once: a message may mix them. Accents and case
do not count. What is not found here is not guessed.
"""

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Final, Literal, TypeVar, cast

from actors.persona.company import NOBODY, Company, company
from actors.persona.flying import ANYHOW, Flying, flying
from actors.persona.hint_words import (
    AFTER_NO,
    AGAIN,
    ALL_OF_THEM,
    ATTRIBUTES,
    BESIDE_A_PICK,
    BYE,
    CABINS,
    COUNTS,
    DEAR,
    DEEDS,
    ELSEWHERE,
    KINDS,
    LIKES,
    LONGER,
    MOVED,
    NO,
    NOT_A,
    NOT_PICKED,
    NOT_THIS,
    NUMBERED,
    ONE_WAY,
    OPEN,
    ORDINALS,
    PRAISE,
    PUT_OFF,
    PUT_OFF_DE,
    RETURN,
    ROOMS,
    SHARES,
    SHIFTED,
    STYLES,
    TERSE,
    THE_OTHER,
    TWISTS,
    WEATHER,
    WEEKDAY,
    WHY,
    WISHES,
)
from actors.persona.typos import mended
from protocol.persona import Voice
from protocol.travel import Cabin
from protocol.understanding import Intent

Wish = Literal["warm", "cold", "beach", "mountains", "city", "quiet", "dry"]
"""What a place should be like, as far as the catalogue can prove it."""

Attribute = Literal[
    "people",
    "price",
    "board",
    "bags",
    "refund",
    "stars",
    "duration",
    "stops",
    "times",
    "room",
    "seats",
    "surroundings",
    "amenities",
]
"""What is asked of an item; `people`: for how many its price is. Of surroundings and amenities no record says anything: asked for, they are unknown."""

Twist = Literal["cheaper", "others", "direct", "shorter", "better", "breakfast"]
Shift = Literal["later", "earlier"]
Share = Literal["person_night", "person", "night", "total"]
Pick = int | Literal["last", "cheapest", "dearest"]
"""One of the items that lie on the table; numbers count from 0."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hints:
    """Each in the order of the message, none twice. `is_no`: it says no, and little else. `is_open`:
    "anywhere", "whenever", "I don't mind". `is_pick`: it picks, and says nothing else. `is_weather`: it speaks of
    the weather. `is_elsewhere`: of a place that is still to be found.
    `days_later`: "a week later", or before, where it is less than nothing; `nights_more`: "one more night", or fewer. `styles`: the personas' that it sounds like.
    `kinds`: searches that it names, one of which is meant. `likes`: what a place should be like beyond records, see `LIKES`. `deeds`: what it names of what is always confirmed. `is_praise`: it says that something is liked.
    `refused`: picks that it turns down; `is_not_this`: so is what was talked of; `refused_words`:
    so is what they name. `is_why`: it asks for a reason. `is_the_other`: for what was not talked of. `is_bye`: it takes
    leave, and little else. `is_dear`: that something costs too much. `is_of_weekday`: it names a day of the week. `flying`: with whom, and at what time of the day. `company`: who comes along as well.
    `is_again`: it asks for what was shown or said already, `is_all`: for all of it; `per`: for what a price is asked.
    `rooms`: how many, from two on. `is_one_way`: whether there is no way back, where it says so. `shift`: another time of the day than
    the flight's that lies there.
    `is_terse`: it picks, turns a search or asks why, in no other words."""

    picks: tuple[Pick, ...] = ()
    refused: tuple[Pick, ...] = ()
    attributes: tuple[Attribute, ...] = ()
    wishes: tuple[Wish, ...] = ()
    twists: tuple[Twist, ...] = ()
    styles: tuple[Voice, ...] = ()
    deeds: tuple[Intent, ...] = ()
    likes: tuple[str, ...] = ()
    kinds: tuple[Intent, ...] = ()
    cabin: Cabin | None = None
    flying: Flying = ANYHOW
    company: Company = NOBODY
    per: Share | None = None
    is_all: bool = False
    rooms: int | None = None
    shift: Shift | None = None
    is_one_way: bool | None = None
    days_later: int = 0
    nights_more: int = 0
    is_no: bool = False
    is_open: bool = False
    is_pick: bool = False
    is_weather: bool = False
    is_elsewhere: bool = False
    is_praise: bool = False
    is_not_this: bool = False
    refused_words: str = ""
    is_why: bool = False
    is_the_other: bool = False
    is_bye: bool = False
    is_of_weekday: bool = False
    is_again: bool = False
    is_terse: bool = False
    is_dear: bool = False

    @property
    def is_of_price(self) -> bool:
        """Whether it asks for what, or for whom, a price is, and for nothing else."""
        is_asked = self.per is not None or "people" in self.attributes
        return is_asked and {"people", "price"}.issuperset(self.attributes)


NO_HINTS: Final = Hints()
MOST_READ: Final = 600
"""Characters looked at, twice what people write to a persona at the most; what matters stands at the beginning. A hundred
expressions go through them, in two milliseconds in which nothing else runs."""

MOST_WORDS: Final = 150
"""Of them, so that a text of single letters takes no longer than one that people write."""

MOST_TERSE: Final = 200
"""Characters of what picks, turns or asks why in no other words."""

_BEFORE: Final = 30
"""Characters that `NOT_PICKED` has at most."""

_WORD: Final = re.compile(r"\w+")
_BARE: Final = re.compile(r"\W*([1-9])\W*")


def _words(expression: str) -> re.Pattern[str]:
    return re.compile(rf"\b(?:{expression})\b")


_ORDINALS: Final = {cast("Pick", pick): _words(words) for pick, words in ORDINALS.items()}
_NUMBERED: Final = re.compile(NUMBERED)
_NOT_PICKED: Final = re.compile(rf"\b{NOT_PICKED}$")
_REFUSED: Final = re.compile(rf"\b{NOT_PICKED}(\w{{4,}}(?: \w{{4,}})?)")
_NOT_THIS: Final = re.compile(NOT_THIS)
_THE_OTHER: Final = re.compile(rf"\b{THE_OTHER}")
_WHY: Final = _words(WHY)
_ALL_OF_THEM: Final = _words(ALL_OF_THEM)
_ROOMS: Final = _words(ROOMS)
_ONE_WAY: Final = _words(ONE_WAY)
_RETURN: Final = _words(RETURN)
_SHIFTED: Final = {cast("Shift", name): _words(words) for name, words in SHIFTED.items()}
_AGAIN: Final = re.compile(rf"\b(?:{AGAIN})")
_SHARES: Final = {cast("Share", name): _words(words) for name, words in SHARES.items()}
_BYE: Final = re.compile(BYE)
_WEEKDAY: Final = _words(WEEKDAY)
_TERSE: Final = re.compile(rf"{BESIDE_A_PICK}|{TERSE}|[1-9]")
_ATTRIBUTES: Final = {cast("Attribute", name): _words(words) for name, words in ATTRIBUTES.items()}


def _unless_denied(table: Mapping[str, str]) -> dict[str, re.Pattern[str]]:
    return {
        name: re.compile(rf"\b(?P<no>{NOT_A})?\b(?:{words})\b") for name, words in table.items()
    }


_WISHES: Final = cast("dict[Wish, re.Pattern[str]]", _unless_denied(WISHES))
_LIKES: Final = _unless_denied(LIKES)
_TWISTS: Final = {cast("Twist", name): _words(words) for name, words in TWISTS.items()}
_DEEDS: Final = {cast("Intent", name): _words(words) for name, words in DEEDS.items()}
_KINDS: Final = {cast("Intent", name): _words(words) for name, words in KINDS.items()}
_PRAISE: Final = _words(PRAISE)
_DEAR: Final = _words(DEAR)
_CABINS: Final = {cast("Cabin", name): _words(words) for name, words in CABINS.items()}
_STYLES: Final = {cast("Voice", name): _words(words) for name, words in STYLES.items()}
_NO: Final = re.compile(rf"(?:{NO})(?:[ ,.!]+(?:{NO}|{AFTER_NO}))*")
_BESIDE: Final = re.compile(rf"{BESIDE_A_PICK}|[1-9]")
_OPEN: Final = _words(OPEN)
_ELSEWHERE: Final = _words(ELSEWHERE)
_LONGER: Final = re.compile(rf"\b(?:{LONGER})")
_MOVED: Final = re.compile(rf"\b{MOVED}")
_PUT_OFF: Final = tuple(re.compile(rf"\b{words}") for words in (PUT_OFF, PUT_OFF_DE))
_WEATHER: Final = _words(WEATHER)
Name = TypeVar("Name", bound=str)


def hints(text: str) -> Hints:
    """Linear in the text, of which its `beginning` is looked at."""
    plain = mended(beginning(text))
    picks, refused = _picks(plain)
    beside = _LONGER.sub(" ", plain)  # "a night less" is no price, "otra noche" no other one
    days_later, is_again = _moved(plain), _AGAIN.search(plain) is not None
    return Hints(
        picks=picks,
        refused=refused,
        attributes=_named(plain, _ATTRIBUTES),
        wishes=_wished(plain),
        twists=_named(beside, _TWISTS),
        styles=_named(plain, _STYLES),
        deeds=_named(plain, _DEEDS),
        kinds=_named(plain, _KINDS),
        likes=_wanted(plain, _LIKES),
        cabin=next((name for name, words in _CABINS.items() if words.search(plain)), None),
        is_no=_NO.fullmatch(plain.strip(" .!,?")) is not None,
        flying=flying(plain),
        company=company(plain),
        is_bye=_BYE.fullmatch(plain.strip(" .!,?")) is not None,
        is_of_weekday=_WEEKDAY.search(plain) is not None,
        days_later=days_later,
        nights_more=_longer(plain),
        is_open=_OPEN.search(plain) is not None,
        is_pick=bool(picks) and _is_bare(plain),
        is_weather=_WEATHER.search(plain) is not None,
        is_elsewhere=_ELSEWHERE.search(plain) is not None,
        refused_words=" ".join(_REFUSED.findall(plain)),
        is_not_this=_NOT_THIS.fullmatch(plain.strip(" .!,?")) is not None,
        is_why=_WHY.search(plain) is not None,
        is_the_other=_THE_OTHER.search(plain) is not None,
        is_again=is_again,
        per=next(iter(_named(beside, _SHARES)), None),
        is_all=is_again and _ALL_OF_THEM.search(plain) is not None,
        rooms=_rooms(plain),
        shift=None if days_later else next(iter(_named(plain, _SHIFTED)), None),
        is_one_way=True if _ONE_WAY.search(plain) else False if _RETURN.search(plain) else None,
        is_terse=_is_terse(plain),
        is_praise=_PRAISE.search(plain) is not None,
        is_dear=_DEAR.search(plain) is not None,
    )


def beginning(text: str) -> str:
    """As much of a text as is looked at, folded."""
    plain = folded(text[:MOST_READ], MOST_READ)
    beyond = next(islice(_WORD.finditer(plain), MOST_WORDS, None), None)
    return plain if beyond is None else plain[: beyond.start()]


def folded(text: str, at_most: int | None = None) -> str:
    """Lower case without accents, with plain apostrophes and single spaces; at most so long, for a letter may become
    eighteen."""
    if text.isascii():  # most names and texts, at a tenth of the price
        return " ".join(text[:at_most].lower().split())
    bare = unicodedata.normalize("NFKD", text.replace("’", "'").replace("ß", "ss"))
    letters = (letter for letter in bare if not unicodedata.combining(letter))
    return " ".join("".join(islice(letters, at_most)).lower().split())


def _picks(plain: str) -> tuple[tuple[Pick, ...], tuple[Pick, ...]]:
    """Those that are picked, and those that are turned down."""
    bare = _BARE.fullmatch(plain)
    if bare is not None:
        return (int(bare[1]) - 1,), ()
    found: list[tuple[int, Pick]] = [
        (match.start(), int(match[1]) - 1) for match in _NUMBERED.finditer(plain)
    ]
    for pick, words in _ORDINALS.items():
        found += [(match.start(), pick) for match in words.finditer(plain)]
    found.sort(key=lambda one: one[0])
    refused = [pick for at, pick in found if _NOT_PICKED.search(plain, max(0, at - _BEFORE), at)]
    picks = [pick for _, pick in found if pick not in refused]
    return tuple(dict.fromkeys(picks)), tuple(dict.fromkeys(refused))


def _is_terse(plain: str) -> bool:
    """Whether something is picked, turned or asked the reason of, and nothing stands beside it."""
    if len(plain) > MOST_TERSE:
        return False
    rest = plain
    for words in (_NUMBERED, _WHY, *_ORDINALS.values(), *_TWISTS.values(), *_CABINS.values()):
        rest = words.sub(" ", rest)
    return rest != plain and all(_TERSE.fullmatch(word) for word in re.findall(r"\w+", rest))


def _is_bare(plain: str) -> bool:
    """Whether nothing stands beside what picks but words that say nothing."""
    if len(plain) > MOST_TERSE:
        return False
    for words in (_NUMBERED, *_ORDINALS.values()):
        plain = words.sub(" ", plain)
    return all(_BESIDE.fullmatch(word) for word in re.findall(r"\w+", plain))


def _rooms(plain: str) -> int | None:
    found = _ROOMS.search(plain)
    return None if found is None else COUNTS.get(found["count"]) or int(found["count"])


def _longer(plain: str) -> int:
    found = _LONGER.search(plain)
    if found is None:
        return 0
    if found["another"]:
        return 1
    count = COUNTS.get(found["count"]) or int(found["count"])
    return count if found["more"] or found["more2"] else -count


def _moved(plain: str) -> int:
    found = _MOVED.search(plain)
    if found is not None:
        return _days(found) if found["later"] else -_days(found)
    put_off = next(filter(None, (words.search(plain) for words in _PUT_OFF)), None)
    if put_off is None:
        return 0
    return -_days(put_off) if put_off["sooner"] or put_off["earlier"] else _days(put_off)


def _days(found: "re.Match[str]") -> int:
    count = COUNTS.get(found["count"]) or int(found["count"])
    return count * (7 if found["unit"][0] in "ws" else 1)


def _wished(plain: str) -> tuple[Wish, ...]:
    """A quiet city is a small one."""
    wished = _wanted(plain, _WISHES)
    return tuple(name for name in wished if name != "city" or "quiet" not in wished)


def _wanted(plain: str, table: Mapping[Name, re.Pattern[str]]) -> tuple[Name, ...]:
    """What is said with a no is not."""
    found = [
        (match.start(), name)
        for name, words in table.items()
        for match in words.finditer(plain)
        if match["no"] is None
    ]
    found.sort(key=lambda one: one[0])
    return tuple(dict.fromkeys(name for _, name in found))


def _named(plain: str, table: Mapping[Name, re.Pattern[str]]) -> tuple[Name, ...]:
    found = [
        (match.start(), name) for name, words in table.items() if (match := words.search(plain))
    ]
    found.sort(key=lambda one: one[0])
    return tuple(name for _, name in found)
