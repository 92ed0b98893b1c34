"""For whom a message is by how it is put, where that is surer than a model: what else there is, what was misheard and
what is to be seen is asked of a persona; what one has done, and whether "we" take it, is told and asked people."""

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from inference.understanding.cues import cues_in
from inference.understanding.folding import fold, words_of
from inference.understanding.intents import Mark
from inference.understanding.word_lists import WORDS
from protocol.understanding import Intent, Setting

Whom = Literal["persona", "people"]


class Put(NamedTuple):
    """How a message is put: for whom it is, and as what it is meant if a model knows it for nothing better."""

    whom: Whom
    intent: Intent | None = None


_FOR_PEOPLE: Final = Put("people")

MAX_LETTERS: Final = 160
"""Of a message that one clause is sought in."""

_OPENS: Final = rf"^\W*(?:(?:{'|'.join(sorted(WORDS['openers']))})\b\W*)*"
_TRAVEL: Final = (
    r"(?:flights?|hotels?|rooms?|trains?|apartments?|hostels?|villas?|activities|places|options|ones|prices|tours"
    r"|fluge?|hotels|zimmer|zuge|wohnungen|unterkunfte|aktivitaten|optionen|angebote|preise|vuelos|hoteles|habitaciones|trenes"
    r"|apartamentos|pisos|actividades|opciones|precios|vols|chambres|trains|appartements|gites|activites|prix)"
)
_TOGETHER: Final = re.compile(
    r"\b(?:together|tonight|later|zusammen|gemeinsam|heute abend|spater|juntos|esta noche|luego|ensemble|ce soir|plus tard)\b"
)
_BEGINS: Final = r"(?:^|[,.;:!?]|\b(?:and|so|or|ok|und|oder|also|y|o|pues|et|ou|bon) )\W{0,3}"

_WHAT_ELSE: Final = re.compile(
    rf"{_BEGINS}(?:what else(?: have (?:you|u|ya)(?: got)?| do (?:you|u|ya) have| you got| is there)?"
    r"|(?:have (?:you|u|ya) got |(?:you|u|ya) got |got |do (?:you|u|ya) have |is there )?anything else"
    r"|was (?:hast du|gibt'?s|gibt es)(?: (?:da|denn|so))*(?: sonst| noch)+"
    r"|(?:hast du|gibt'?s|gibt es)(?: da| denn| auch)*(?: sonst)? noch (?:was|etwas|mehr|andere\w*|weitere\w*)(?: andere\w*)?"
    r"|que mas (?:tienes|hay|teneis)|(?:tienes|hay) (?:alg\w+ mas|otr[oa]s?(?: cosa| opcion\w*| mas)?)"
    r"|(?:(?:t'as|tu as|as[- ]tu|(?:il )?y a) )?quoi d'autre|qu'est[- ]ce que (?:t'as|tu as) d'autre"
    r"|(?:t'en as|tu en as|(?:il )?y en a) d'autres|(?:t'as|tu as|(?:il )?y a) autre chose)\W*$"
)
_CORRECTS: Final = re.compile(
    r"\bi (?:\w+ )?(?:said|meant|asked for|wrote)\b(?! (?:that )?(?:i|we|you|he|she|it|they|id|ill|so)\b)"
    r"|\b(?:ich hab\w*|hab\w* ich)(?: \w+){0,5} (?:gesagt|gemeint|geschrieben)\b(?! (?:dass|ich|wir|du|er|sie|es)\b)"
    r"|\bich (?:sagte|meinte)\b(?! (?:dass|ich|wir|du|er|sie|es)\b)"
    r"|\b(?:dije|(?:he|hemos) dicho|queria decir|me referia a)\b(?! que (?!sin|no|para|en|a|con|somos))"
    r"|\b(?:j'ai|je (?:t'|vous |l')ai|j'avais|on a)(?: \w+){0,2} dit\b(?! qu)|\bje (?:voulais dire|parlais de)\b"
)
_CONTRASTS: Final = re.compile(r"\b(?:not|no|without|nicht|kein\w*|nein|ohne|sin|pas|sans|non)\b")
_AND: Final = frozenset(("and", "und", "y", "e", "et"))
_BEFORE_SLOTS: Final = (
    WORDS["before places"] | WORDS["before places and much else"] | {"im", "on", "am"}
)
_MISTAKEN: Final = re.compile(
    rf"{_BEGINS}(?:(?:that'?s |das (?:ist|sind) |c'est |es )?(?:the |die |das |der |la |le |el )?)"
    r"(?:(?:wrong|falsche[rsn]?|mauvaise?) (?:date|day|month|city|town|place|airport|datum|tag|monat|stadt|ort|flughafen|jour"
    r"|mois|ville|endroit|aeroport)s?|(?:fecha|dia|mes|ciudad|sitio|lugar|aeropuerto) equivocad[oa]"
    r"|pas l[ae] (?:bonne? )(?:date|jour|mois|ville|endroit|aeroport))\W*$"
)
_TO_SEE: Final = re.compile(
    rf"{_OPENS}(?:(?:can|could|may) (?:we|i) (?:please )?(?:see|have a look at|look at)\b(?: \w+){{0,3}} {_TRAVEL}\b"
    rf"|let'?s see (?:the |some |what |more |other )*{_TRAVEL}\b"
    rf"|(?:konn?t?en wir|kann ich|konnte ich) (?:\w+ ){{0,3}}{_TRAVEL}\b.*\b(?:sehen|anschauen|angucken)\W*$"
    rf"|(?:podemos|puedo|podriamos) ver (?:\w+ ){{0,2}}{_TRAVEL}\b"
    rf"|(?:on peut|peut[- ]on|je peux|on pourrait) (?:voir|regarder) (?:\w+ ){{0,2}}{_TRAVEL}\b)"
)

_TAKE_IT: Final = re.compile(
    rf"{_OPENS}(?:(?:shall|should|do) we (?:just )?(?:take|book|get|go for|go with)\b|(?:nehmen|buchen) wir\b"
    r"|(?:cogemos|reservamos|pillamos|nos quedamos con)\b|on (?:prend|reserve|garde|part sur)\b)[^.!?]*\?\W*$"
)
_WISHES: Final = re.compile(
    r"\b(?:find|show|need\w*|want\w*|look\w*|search\w*|any(?:thing|where|one)?|some(?:thing|where)?|similar|again|recommend|suggest|you|please|pls|now|still"
    r"|so|instead|rather|such\w*|zeig\w*|brauch\w*|will|woll\w*|wurde\w*|mocht\w*|wieder|bitte|gibt|jetzt|noch"
    r"|lieber|also|ahnlich\w*|busc\w*|quier\w*|queremos|necesit\w*|algo|otra|por favor|porfa|ahora|parecid\w*|mejor|cherch\w*"
    r"|veux|voudr\w*|faut|encore|stp|svp|maintenant|pareil\w*|plutot|donc|cancel\w*|storn\w*|annul\w*|refund\w*|confirm\w*"
    r"|twice|zweimal|doppelt|veces|fois|wrong|falsch\w*)\b"
)
_DENIES: Final = re.compile(r"\b(?:not|no|nicht|kein\w*|pas)\b")
_CLAUSES: Final = re.compile(r"[.,;:!?]\s*\w+\s+\w+")
_WHEN: Final = (
    r"(?:(?:last (?:year|summer|winter|time)|letztes jahr|letzten (?:sommer|winter)|el (?:ano|verano) pasado|l'an(?:nee)? derni\w+"
    r"|(?:in|a|en) \w+)\W+)?"
)
_HAS_BEEN: Final = re.compile(
    rf"{_OPENS}{_WHEN}(?:(?:i|we) (?:flew|stayed|slept|drove|travell?ed|visited|paid|found|(?:was|were|went) (?:in|at|to|on))\b"
    r"|(?:ich|wir) (?:war|waren)\b|(?:(?:ich|wir) (?:bin|sind|hab|habe|haben)|(?:hab|habe|haben) (?:ich|wir))\b.*"
    r"\b(?:geflogen|gefahren|gewesen|ubernachtet|gewohnt|geschlafen|bezahlt|gezahlt|besucht|gefunden)\b"
    r"|(?:yo |nosotr\w+ )?(?:vole|estuve|estuvimos|fui|fuimos|me quede|me aloje|(?:he|hemos) (?:estado|volado|dormido|pagado|encontrado)|encontre)\b"
    r"|(?:j'ai|on a|nous avons|on avait) (?:deja )?(?:dormi|vole|paye|passe|visite|loge|sejourne|trouve)\b"
    r"|(?:j'etais|on etait|nous etions|je suis alle|on est alle))"
)
_HAS_BOOKED: Final = re.compile(
    rf"{_OPENS}(?:i(?:'?ve| have)? (?:already |just )*(?:booked|bought) (?:my|mine)\b|i(?:'?ve| have)? already (?:booked|bought)\b"
    r"|my (?:hotel|flight|room|ticket)s? (?:is|are) (?:already |all )*(?:booked|sorted)\b"
    r"|(?:ich hab\w*|hab\w* ich) (?:schon|bereits|mein\w*)\b.*\bgebucht\b|mein\w* (?:hotel|flug|zimmer|ticket) (?:ist|hab ich) (?:schon"
    r"|bereits) gebucht\b|(?:yo )?ya (?:he (?:reservado|comprado)|tengo (?:hotel|vuelo|billete|el|los|mi))\b"
    r"|(?:moi )?j'ai deja (?:reserve|pris|achete)\b|m(?:on|a|es) \w+ (?:est|sont) deja (?:reserve|pris))"
)
_MEETS: Final = re.compile(
    rf"{_OPENS}(?:see|meet) (?:you|u|ya) (?:in|at|on|there)\b|{_OPENS}(?:wir sehen uns|wir treffen uns|treffen wir uns|nos vemos"
    r"|on se (?:voit|retrouve|rejoint))\b"
)
_IS: Final = re.compile(
    r"\s(?:is|are|isn'?t|aren'?t|ist|sind|es|son|esta|estan|est|sont|c'est)\s+(?P<said>.*)$"
)
_OF_ALL: Final = re.compile(
    r"(?:[\s\d]|\b(?:a|an|the|in|at|over|hotels?|stars?|ein|eine|der|die|das|im|an|zu|sterne?|un|una|el|la|los|las|en|hotel(?:es)?"
    r"|estrellas|une|le|les|au|aux|de|des|etoiles?)\b)*"
)
_JUDGES: Final = re.compile(
    r"\b(?:it|das|es|lo|ca|fine|ok|okay|good|great|perfect|nice|cool|best|better|works?|out|off|too|cheap\w*|expensive|dear|pricey|cold|hot|gut"
    r"|super|toll|besser|perfekt|raus|zu|teuer|billig\w*|gunstig\w*|bien|genial|perfect[oa]|fuera|demasiado|car[oa]s?|barat[oa]s?"
    r"|parfaite?|mieux|trop|chere?s?|top|for|fur|para|pour|nous|uns|us|my|our|mein\w*|unser\w*|nuestr\w*|mi|mon|notre)\b"
)


def surely_put(text: str, setting: Setting, marks: Sequence[Mark]) -> Put | None:
    """None: how it is put does not tell, or who is there does. Linear in the text."""
    folded = fold(text)
    if setting.people == 1 or setting.addressed or len(folded) > MAX_LETTERS:
        return None
    rest = _blanked(folded, marks)
    if "names somebody" not in cues_in(rest) and (put := _for_persona(folded, rest, setting)):
        return put
    is_asked = "?" in text
    if _TAKE_IT.search(folded) or (_MEETS.search(folded) and not is_asked):
        return _FOR_PEOPLE
    if is_asked or setting.asked is not None:
        return None
    if _WISHES.search(folded) or _CLAUSES.search(folded):
        return None
    is_of_place = any(mark.slot == "destination" for mark in marks)
    is_done = is_of_place and _HAS_BEEN.search(folded) is not None
    is_done = is_done or _HAS_BOOKED.search(folded) is not None
    is_told = is_done and _DENIES.search(folded) is None
    return _FOR_PEOPLE if is_told or _is_of_the_world(rest, marks) else None


def _for_persona(folded: str, rest: str, setting: Setting) -> Put | None:
    """What else there is of what lies there, that what was just said is wrong, the same at other days, and to be shown
    something. `rest`: without slots."""
    is_next, is_asked = setting.last == "persona", "?" in folded
    if setting.shown is not None and _WHAT_ELSE.search(folded):
        return Put("persona", "refine")
    if is_next and not is_asked:
        is_other = rest != folded or _CONTRASTS.search(folded) is not None
        if _MISTAKEN.search(folded) or (is_other and _CORRECTS.search(folded)):
            return Put("persona", "complaint")
    if is_next and is_asked and setting.shown is not None and rest != folded:
        first, *others = words_of(rest) or [""]
        if first in _AND and _BEFORE_SLOTS.issuperset(others):
            return Put("persona", "refine")
    if _TO_SEE.search(folded) and not _TOGETHER.search(folded):
        return Put("persona")
    return None


def _is_of_the_world(rest: str, marks: Sequence[Mark]) -> bool:
    """ "Rome in August is hell": what a place, or all its hotels, are like, of which nothing is wished."""
    found = _IS.search(rest)
    if found is None or not any(mark.slot == "destination" for mark in marks):
        return False
    is_before = all(mark.end <= found.start() + 1 for mark in marks)
    is_of_place = _OF_ALL.fullmatch(rest[: found.start()]) is not None
    return is_before and is_of_place and _JUDGES.search(found["said"]) is None


def _blanked(folded: str, marks: Sequence[Mark]) -> str:
    for mark in marks:
        folded = folded[: mark.start] + " " * (mark.end - mark.start) + folded[mark.end :]
    return folded
