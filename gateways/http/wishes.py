"""Words for what places are like, in a search or in a profile, as features of docs/adr/0013 (pure)."""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any, Final

from protocol.travel import Place

_WORDS: Final[Mapping[tuple[str, ...], str]] = {
    (
        "coast",
        "warm_coast",
    ): """beach beaches coast coastal sea seaside ocean swimming surfing sailing
        strand meer kueste playa playas mar costa plage plages mer شاطئ بحر""",
    ("mountains", "highland"): """mountain mountains hiking skiing climbing alps berge wandern
        gebirge montana montanas senderismo montagne montagnes randonnee جبال""",
    ("capital",): "capital capitals hauptstadt hauptstaedte capitale capitales عاصمة",
    ("metropolis", "big_city", "capital"): """city cities urban metropolis nightlife shopping
        museums stadt grossstadt staedte museen ciudad ciudades museos ville villes musees مدينة""",
    ("small_town",): """town village quiet calm peaceful dorf kleinstadt ruhig ruhe pueblo tranquilo
        village calme هادئ""",
    ("dry",): "dry desert sunny trocken wueste seco desierto sec صحراء",
    ("rainy",): "rainforest green regenwald selva jungle",
    ("cold_winter",): "snow snowy schnee nieve neige ثلج",
    ("warm_winter",): "mild",
}
_BUDGETS: Final = {"low": -1.0, "medium": 0.0, "high": 0.5, "luxury": 1.0}
_WORD: Final = re.compile(r"[^\W\d_]+")


def words_of(text: str) -> list[str]:
    """Lower case, without accents; German umlauts as they are spelled without."""
    text = text.casefold()
    for umlaut, spelled in (("ä", "ae"), ("ö", "oe"), ("ü", "ue")):
        text = text.replace(umlaut, spelled)
    plain = unicodedata.normalize("NFKD", text)
    return _WORD.findall("".join(each for each in plain if not unicodedata.combining(each)))


_TAGS: Final = {word: tags for tags, words in _WORDS.items() for word in words_of(words)}
_WARM: Final = frozenset(words_of("warm hot sun heat sonne heiss calor calido chaud soleil دافئ"))
_COLD: Final = frozenset(words_of("cold cool kalt kuehl frio fresco froid frais بارد"))
_CHEAP: Final = frozenset(words_of("cheap budget guenstig billig barato economico رخيص"))


def tags_wished(text: str) -> list[tuple[str, ...]]:
    """For each word that speaks of what a place is like: the tags of which it has one."""
    return list(dict.fromkeys(_TAGS[word] for word in words_of(text) if word in _TAGS))


def has_all(place: Place, wished: Iterable[tuple[str, ...]]) -> bool:
    return all(set(tags) & set(place.tags) for tags in wished)


def liked_in(text: str, much: float = 1.0) -> dict[str, float]:
    """A feature's name → how much these words like it, -1 to 1."""
    words = words_of(text)
    liked = {f"tags.{tag}": much for word in words for tag in _TAGS.get(word, ())}
    for names, feature, sign in (
        (_WARM, "climate.warmth", 1.0),
        (_COLD, "climate.warmth", -1.0),
        (_CHEAP, "price.level", -1.0),
    ):
        if names & set(words):
            liked[feature] = sign * much
    return liked


def stated_in(preferences: Mapping[str, Any]) -> dict[str, float]:
    """What a profile's `TravelPreferences` say; what is both liked and not says nothing."""
    stated: dict[str, float] = {}
    for field, much in (("interests", 1.0), ("dislikes", -1.0)):
        for tag in preferences.get(field) or ():
            for name, liking in liked_in(str(tag), much).items():
                stated[name] = stated.get(name, 0.0) + liking
    level = _BUDGETS.get(str(preferences.get("budget")), 0.0)
    if level:
        stated["price.level"] = level
    return {name: max(-1.0, min(1.0, much)) for name, much in stated.items() if much}
