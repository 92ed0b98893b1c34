"""Who comes along as well, or does not after all: people more or fewer than were said before (pure).

Words of four languages, folded (`hints.folded`). What is not found here is not guessed.
"""

import re
from dataclasses import dataclass
from typing import Final

from protocol.understanding import PartySaid

_ADULT: Final = (
    r"wife|husband|hubby|girlfriend|boyfriend|gf|bf|partner|fiancee?|mum|mom|mother|dad|father|sister|brother|sis|bro|friend|mate"
    r"|aunt|uncle|cousin|gran|grandma|grandmother|grandpa|grandfather|granny|nana?|colleague|flatmate|roommate"
    r"|(?:mother|father|sister|brother)[- ]in[- ]law"
    r"|frau|mann|freundin|freund|mutter|mama|papa|vater|schwester|bruder|oma|opa|tante|onkel|cousine?|kollegin|kollege"
    r"|mujer|marido|novi[oa]|pareja|espos[oa]|madre|padre|herman[oa]|amig[oa]|abuel[oa]|ti[oa]|prim[oa]|suegr[oa]"
    r"|femme|mari|copine|copain|conjointe?|mere|pere|maman|s(?:oe|œ)ur|frere|amie?|mamie|papi|cousine?|collegue|belle-(?:mere|s(?:oe|œ)ur)"
)
_PAIR: Final = r"parents|grandparents|in-?laws|folks|eltern|grosseltern|schwiegereltern|padres|abuelos|suegros|grands-parents|beaux-parents"
_CHILD: Final = (
    r"son|daughter|baby|toddler|nephew|niece|kid|child|grandson|granddaughter|sohn|tochter|kind|neffe|nichte|enkel(?:in)?"
    r"|hij[oa]|bebe|sobrin[oa]|niet[oa]|fils|fille|enfant|neveu|niece|petite?-fil(?:s|le)"
)
_COUNT: Final[dict[str, int]] = {
    word: count
    for count, words in enumerate(
        (
            "a an 1 one another ein eine einen un una une otro otra",
            "2 two zwei dos deux",
            "3 three drei tres trois",
            "4 four vier cuatro quatre",
        ),
        1,
    )
    for word in words.split()
}
_PEOPLE: Final = (
    r"adults?|persons?|people|friends?|guests?|travell?ers?|erwachsenen?r?|person(?:en)?|leute|freunde?|adultos?|personas?|amig[oa]s?"
    r"|adultes?|personnes?|amis?|amies?"
)
_WHOSE: Final = (
    r"(?:my|our|his|her|their|the|meine?|unsere?|seine?|ihre?|die|der|mi|mis|su|sus|nuestr[oa]s?|el|la|los|las|mon|ma|mes|notre|nos|son"
    r"|sa|ses|le|les) (?:\w+ )?"
)


def _kin(at: int = 1) -> str:
    """`at`: names of groups are unique in an expression."""
    counts = "|".join(sorted(_COUNT, key=len, reverse=True))
    return (
        rf"(?:{_WHOSE})?(?:(?P<child{at}>{_CHILD})|(?P<pair{at}>{_PAIR})|(?P<adult{at}>{_ADULT})"
        rf"|(?P<n{at}>{counts}) (?:more |other )?(?:{_PEOPLE}))\b"
    )


_TOO: Final = r"(?:too|as well|also|auch|tambien|aussi|along|with (?:us|me)|us|me|after all|doch)"
_JOINS: Final = (
    r"(?:(?:is|are|'s|s|will(?: be)?|(?:is|are) going to|wants? to|would like to|might(?: be)?|can) )?(?:also )?(?:com(?:e|es|ing)|join(?:s|ing)?|tagging along)"
    r"(?= (?:too|as well|along|also|with (?:us|me)|us|me)\b|\W*$)"
    r"|(?:kommt|kommen|fahrt|fliegt) (?:jetzt |doch |noch )?(?:auch(?: noch)? )?(?:mit|dazu)\b|kommt auch\b|viene[n]? (?:tambien|con nosotros)"
    r"|(?:tambien|se) (?:viene[n]?|apunta[n]?)|vien(?:t|nent) (?:aussi|avec nous)|se joint a nous"
)
_STAYS: Final = (
    r"(?:is not|isn'?t|are not|aren'?t|'s not|can(?:not|'t| not)|won'?t|will not|doesn'?t want to|no longer) (?:com(?:e|ing)|join(?:ing)?|make it)"
    r"|(?:kommt|kommen) (?:jetzt |doch |leider )*(?:nicht|nicht mehr) mit|(?:ya )?no viene[n]?|(?:al final )?no viene[n]?"
    r"|ne vien(?:t|nent) (?:pas|plus)"
)
_VERB_FIRST: Final = rf"(?:tambien )?viene[n]? (?:tambien )?{_kin(2)}(?: (?:tambien|con nosotros))?"
_ALSO: Final = r"(?:and|plus|also|\+|&|und|auch|ausserdem|y|e|mas|tambien|et|aussi|(?:can|could) (?:you|we) add|(?:please )?add|let'?s add)"
_COME: Final = re.compile(
    rf"\b{_kin()}(?: |(?='s))(?:{_JOINS})|\b(?:{_VERB_FIRST})(?=\W*$)|\b{_kin(3)} (?:too|as well)\W*$"
)
_ALONE: Final = re.compile(
    rf"(?:ok |oh |actually )?(?:{_ALSO} )(?:{_kin()})(?: {_TOO})?(?: please| bitte| por favor| s'il (?:te|vous) plait)?"
)
_MORE: Final = re.compile(
    r"\b(?:(?P<n>one|two|three|1|2|3|eine?n?|zwei|drei|una?|dos|tres|une|deux|trois) (?:more|extra|additional|weitere[rn]?) (?:adults?|persons?|people"
    r"|guests?|travell?ers?|person(?:en)?|erwachsenen?r?)|(?P<another>another|noch eine?n?|otr[oa]|encore une?) (?:adult|person|guest|erwachsenen?r?"
    r"|adulto|persona|adulte|personne)|(?P<after>una?|dos|tres|une|deux|trois) (?:adult[oe]s?|person(?:ne|a)s?) (?:mas|de plus|en plus))\b"
)
_STAY: Final = re.compile(
    rf"\b{_kin()}(?: |(?='s))(?:{_STAYS})|\b(?:ya |al final )?no viene[n]? {_kin(2)}"
)
_TOTAL: Final = re.compile(
    r"\b(?:me|myself|i|ich|mich|yo|conmigo|moi|we are|we're|we will be|of us|in total|altogether|wir sind|insgesamt|somos|seremos|en total"
    r"|on est|on sera|nous sommes|au total)\b"
)
_AND_BEFORE: Final = re.compile(rf"\b{_kin()} (?:and|und|y|et) $")
_COUNTED: Final = re.compile(r"adult|erwachsen|person")


@dataclass(frozen=True, slots=True)
class Company:
    """So many more, or fewer where less than nothing."""

    adults: int = 0
    children: int = 0

    def and_also(self, other: "Company") -> "Company":
        return Company(self.adults + other.adults, self.children + other.children)


NOBODY: Final = Company()
MOST: Final = 20
MOST_LETTERS: Final = 400
"""Of a text in which this is looked for: whoever writes more says how many they are."""


def company(plain: str) -> Company:
    """`plain`: folded. Who lists themselves too, or says how many they are, says who travels, and nobody more."""
    if len(plain) > MOST_LETTERS:
        return NOBODY
    text = plain.strip(" .!,?")
    if (found := _STAY.search(text)) is not None:
        who = _who(found)
        return Company(-who.adults, -who.children)
    if _TOTAL.search(re.sub(r"\b(?:with|join(?:s|ing)?) me\b", "", text)):
        return NOBODY
    if (more := _MORE.search(text)) is not None:
        said = more["n"] or more["after"]
        return Company(_COUNT.get(said, 1) if said else 1)
    if (found := _COME.search(text)) is not None:
        who, other = _who(found), _AND_BEFORE.search(text[: found.start()])
        also = NOBODY if other is None else _who(other)
        return who.and_also(also)
    found = _ALONE.fullmatch(text)
    # "And one adult" may be all there are.
    return NOBODY if found is None or _COUNTED.search(text) else _who(found)


def _who(found: "re.Match[str]") -> Company:
    said = {name for name, value in found.groupdict().items() if value}
    if any(name.startswith("child") for name in said):
        return Company(children=1)
    if any(name.startswith("pair") for name in said):
        return Company(2)
    count = next((found[name] for name in said if name[0] == "n"), None)
    return Company(_COUNT[count] if count else 1)


def with_company(before: PartySaid | None, more: Company) -> PartySaid:
    """Those and these; one adult stays. Of fewer children nobody knows whose ages are left."""
    if before is not None and more == NOBODY:
        return before
    known = before or PartySaid(adults=1)
    adults = min(max((known.adults or 1) + more.adults, 1), MOST)
    children = min(max((known.children or 0) + more.children, 0), MOST)
    ages = known.ages if children >= len(known.ages) else ()
    return PartySaid(adults=adults, children=children or None, ages=ages)
