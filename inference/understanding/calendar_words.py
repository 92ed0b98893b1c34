"""How four languages name days, months, seasons, feasts and numbers; all folded."""

from collections.abc import Iterable
from typing import Final

MONTHS: Final = {
    name: number
    for number, names in enumerate(
        (
            "january jan januar janner enero ene janvier janv",
            "february feb febuary febr februar febrero fevrier fevr fev",
            "march mar marz maerz mrz marzo mars",
            "april apr abril abr avril avr",
            "may mai mayo",
            "june jun juni junio juin",
            "july jul juli julio juillet juil",
            "august aug agosto ago aout",
            "september sept sep septembre septiembre setiembre",
            "october oct oktober okt octubre octobre",
            "november nov noviembre novembre",
            "december dec dezember dez diciembre dic decembre",
        ),
        1,
    )
    for name in names.split()
}
SHORT_MONTHS: Final = frozenset(
    [
        "may",
        "mar",
        "sep",
        "ago",
        "mai",
        "ene",
        "abr",
        "dic",
        "dec",
        "jan",
        "jun",
        "jul",
        "mars",
        "fev",
    ]
)
"""Also common words, or parts of other things: these need a cue."""

WEEKDAYS: Final = {
    name: number
    for number, names in enumerate(
        (
            "monday mondays mon montag montags lunes lundi",
            "tuesday tue tues dienstag dienstags martes mardi",
            "wednesday wed mittwoch miercoles mercredi",
            "thursday thu thur thurs donnerstag jueves jeudi",
            "friday fri freitag viernes vendredi",
            "saturday sat samstag sonnabend sabado samedi",
            "sunday sun sonntag domingo dimanche",
        )
    )
    for name in names.split()
}
SHORT_WEEKDAYS: Final = frozenset(("sun", "sat", "mon", "wed", "tue", "thu"))

ABBREVIATED: Final = (
    dict(zip(("mo", "di", "mi", "do", "fr", "sa", "so"), range(7), strict=True)),
    dict(zip(("lun", "mar", "mie", "jue", "vie", "sab", "dom"), range(7), strict=True)),
    dict(zip(("lun", "mar", "mer", "jeu", "ven", "sam", "dim"), range(7), strict=True)),
)
"""Weekdays as German, Spanish and French shorten them: days only where one goes on to another of its language."""

SEASONS: Final = {
    "spring": "spring",
    "fruhling": "spring",
    "fruehling": "spring",
    "fruhjahr": "spring",
    "primavera": "spring",
    "printemps": "spring",
    "summer": "summer",
    "summertime": "summer",
    "sommer": "summer",
    "sommerferien": "summer",
    "verano": "summer",
    "ete": "summer",
    "autumn": "autumn",
    "fall": "autumn",
    "herbst": "autumn",
    "herbstferien": "autumn",
    "otono": "autumn",
    "automne": "autumn",
    "winter": "winter",
    "invierno": "winter",
    "hiver": "winter",
}
CUED_SEASONS: Final = frozenset(("fall", "spring", "ete"))
"""These say other things too."""

HOLIDAYS: Final = (
    (r"christmas|xmas|x-mas|x mas|weihnacht\w*|navidad(?:es)?|noel|nadal", "christmas"),
    (
        r"new year'?s?(?: eve| day)?|nye|silvester|sylvester|neujahr|jahreswechsel|nochevieja|ano nuevo"
        r"|fin de ano|nouvel an|reveillon|saint[ -]sylvestre|la st sylvestre",
        "new-year",
    ),
    (r"easter|ostern|osterferien|oster\w*|semana santa|pascuas?|paques", "easter"),
)

NUMBERS: Final = {
    name: number
    for number, names in enumerate(
        (
            "one a an eins ein eine einen einer un una uno une",
            "two couple zwei zwo dos deux pair",
            "three drei tres trois",
            "four vier cuatro quatre",
            "five funf fuenf cinco cinq",
            "six sechs seis",
            "seven sieben siete sept",
            "eight acht ocho huit",
            "nine neun nueve neuf",
            "ten zehn diez dix",
            "eleven elf once onze",
            "twelve zwolf zwoelf doce douze",
            "thirteen dreizehn trece treize",
            "fourteen vierzehn catorce quatorze",
            "fifteen funfzehn fuenfzehn quince quinze",
        ),
        1,
    )
    for name in names.split()
} | {"twenty": 20, "zwanzig": 20, "veinte": 20, "vingt": 20, "thirty": 30, "dreissig": 30}

DAY_NUMBERS: Final = {
    name: number
    for number, names in enumerate(
        (
            "first ersten erster erste primero premier",
            "second zweiten zweiter zweite dos deux",
            "third dritten dritter dritte tres trois",
            "fourth vierten vierter vierte cuatro quatre",
            "fifth funften funfter funfte cinco cinq",
            "sixth sechsten sechster sechste seis six",
            "seventh siebten siebter siebte siete sept",
            "eighth achten achter achte ocho huit",
            "ninth neunten neunter neunte nueve neuf",
            "tenth zehnten zehnter zehnte diez dix",
            "eleventh elften elfter elfte once onze",
            "twelfth zwolften zwolfter zwolfte doce douze",
            "thirteenth dreizehnten trece treize",
            "fourteenth vierzehnten catorce quatorze",
            "fifteenth funfzehnten quince quinze",
            "sixteenth sechzehnten dieciseis seize",
            "seventeenth siebzehnten diecisiete dix-sept",
            "eighteenth achtzehnten dieciocho dix-huit",
            "nineteenth neunzehnten diecinueve dix-neuf",
            "twentieth zwanzigsten veinte vingt",
            "twenty-first einundzwanzigsten veintiuno vingt-et-un",
            "twenty-second zweiundzwanzigsten veintidos vingt-deux",
            "twenty-third dreiundzwanzigsten veintitres vingt-trois",
            "twenty-fourth vierundzwanzigsten veinticuatro vingt-quatre",
            "twenty-fifth funfundzwanzigsten veinticinco vingt-cinq",
            "twenty-sixth sechsundzwanzigsten veintiseis vingt-six",
            "twenty-seventh siebenundzwanzigsten veintisiete vingt-sept",
            "twenty-eighth achtundzwanzigsten veintiocho vingt-huit",
            "twenty-ninth neunundzwanzigsten veintinueve vingt-neuf",
            "thirtieth dreissigsten dreisigsten treinta trente",
            "thirty-first einunddreissigsten einunddreisigsten treinta-y-uno trente-et-un",
        ),
        1,
    )
    for name in names.split()
}
"""The days of a month in words: days only before its name."""

DAY_IN_WORDS: Final = "|".join(
    # "vingt-deux" is no range from "vingt".
    word.replace("-", "[- ]") + r"(?!-\w)" * any(o.startswith(f"{word}-") for o in DAY_NUMBERS)
    for word in sorted(DAY_NUMBERS, key=len, reverse=True)
)
"""A regular expression for any of these, the longest first."""

ORDINALS: Final = "|".join(
    word.replace("-", "[- ]")
    for word in sorted(DAY_NUMBERS, key=len, reverse=True)
    if word.endswith(("first", "second", "third", "th"))
)
"""Those in English, which name a day without its month too."""

NUMBER: Final = r"\d{1,4}|" + "|".join(sorted(NUMBERS, key=len, reverse=True))


def number_of(word: str) -> int:
    """`word` matches NUMBER."""
    return int(word) if word.isdigit() else NUMBERS[word]


def day_number(word: str) -> int:
    """`word`: figures, or what DAY_IN_WORDS finds."""
    return int(word) if word.isdigit() else DAY_NUMBERS[word.replace(" ", "-")]


def alternatives(words: Iterable[str]) -> str:
    """A regular expression for any of these words, the longest first."""
    return "|".join(sorted(words, key=len, reverse=True))
