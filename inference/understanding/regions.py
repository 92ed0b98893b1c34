"""Places that are neither a city nor an airport: countries, regions, islands."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from babel import Locale

from protocol.understanding import Language

LANGUAGES: Final[tuple[Language, ...]] = ("en", "de", "es", "fr")
_TABLE: Final = Path(__file__).with_name("regions.tsv")

_SHORT: Final = {
    "US": (
        "usa",
        "the states",
        "the us",
        "u.s.",
        "america",
        "amerika",
        "ee.uu.",
        "eeuu",
        "états unis",
    ),
    "GB": (
        "uk",
        "u.k.",
        "great britain",
        "britain",
        "england",
        "großbritannien",
        "gran bretaña",
        "grande bretagne",
        "royaume uni",
    ),
    "AE": ("uae", "emirates", "the emirates", "emirate", "vae", "emiratos", "émirats"),
    "NL": ("holland", "holanda", "hollande", "the netherlands"),
    "CZ": ("czech republic", "tschechische republik", "república checa", "république tchèque"),
    "TR": ("turkey", "türkei", "turquía", "turquie"),
    "CV": ("cape verde", "kap verde", "kapverden", "cabo verde", "cap vert"),
    "MV": ("the maldives",),
    "PH": ("the philippines",),
    "BS": ("the bahamas",),
    "SC": ("the seychelles",),
    "DO": ("dom rep", "the dominican republic", "dominikanische republik"),
    "KR": ("korea", "südkorea", "corea", "corée"),
    "CI": ("ivory coast",),
    "MM": ("burma", "birma", "birmania", "birmanie"),
    "VN": ("viet nam",),
    "MK": ("macedonia", "mazedonien"),
    "BA": ("bosnia", "bosnien"),
    "SZ": ("swaziland",),
    "ZA": ("südafrika",),
    "SA": ("saudi",),
    "NZ": ("neuseeland",),
    "MU": ("mauritius", "maurice"),
    "RU": ("russia",),
}


@dataclass(frozen=True, slots=True)
class Region:
    """`country`: ISO 3166-1 where it is a whole one; `within`: that in which it lies. `names` in all languages, its English one first.
    `gateway`: the English name of the catalogue's city that one goes to for it."""

    name: str
    country: str | None
    names: tuple[str, ...]
    gateway: str | None = None
    within: str | None = None


@cache
def country_names(language: Language) -> dict[str, str]:
    """ISO code → name as CLDR has it."""
    names = Locale(language).territories.items()
    return {str(code): str(name) for code, name in names if str(code).isalpha()}


def english_name(country: str) -> str:
    """As an atlas has it, not the state's wish for its name in English."""
    return {"TR": "Turkey", "CI": "Ivory Coast", "CZ": "Czech Republic", "HK": "Hong Kong"}.get(
        country
    ) or country_names("en")[country].replace("&", "and")


def countries() -> Iterator[Region]:
    """All that CLDR names."""
    for code in country_names("en"):
        if code in _NO_COUNTRY:
            continue
        names = [
            english_name(code),
            *(country_names(language).get(code, "") for language in LANGUAGES),
        ]
        yield Region(names[0], code, tuple(dict.fromkeys((*names, *_SHORT.get(code, ())))))


def regions() -> Iterator[Region]:
    """Those of regions.tsv."""
    for line in _TABLE.read_text("utf-8").splitlines():
        if not line.startswith("#"):
            name, country, others, gateway = line.split("\t")
            names = (name, *filter(None, others.split(",")))
            yield Region(name, None, names, gateway or None, country or None)


_NO_STATE: Final = "EU EZ UN ZZ QO XA XB XK AC CP CQ DG EA IC TA"
_BY_HAND: Final = "HK MO PR GL GP MQ RE PF NC FO SJ BQ CW AW AQ JE"
_NO_COUNTRY: Final = frozenset((*_NO_STATE.split(), *_BY_HAND.split()))
"""What CLDR has and ISO has not, and what the table has under the name by which people say it."""
