"""For whom a message is by how it is put, where that is surer than a model: what else there is, what was misheard and
what is to be seen is asked of a persona; what one has done, and whether "we" take it, is told and asked people."""

import re
from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

from inference.understanding.calendar_words import NUMBER
from inference.understanding.cues import cues_in
from inference.understanding.folding import blanked, fold, words_of
from inference.understanding.intents import Mark
from inference.understanding.word_lists import WORDS
from protocol.understanding import Intent, Setting

Whom = Literal["persona", "people"]


class Put(NamedTuple):
    """How a message is put: for whom it is, and as what it is meant if a model knows it for nothing better."""

    whom: Whom
    intent: Intent | None = None


_FOR_PEOPLE: Final = Put("people")
_WISH: Final = Put("persona")
_CHANGE: Final = Put("persona", "refine")

MAX_PUT: Final = 160
"""Letters of a message of which it tells how it is put: a longer one says more than one thing."""

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
_AGREES: Final = r"(?! (?:yes|yeah|ok|okay|well|already|ja|oui|si)\b)"
_CORRECTS: Final = re.compile(
    rf"\bi (?:\w+ )?(?:said|meant|asked for|wrote)\b{_AGREES}(?! (?:that )?(?:i|we|you|he|she|it|they|id|ill|so)\b)"
    rf"|\b(?:ich hab\w*|hab\w* ich)(?: \w+){{0,5}} (?:gesagt|gemeint|geschrieben)\b{_AGREES}(?! (?:dass|ich|wir|du|er|sie|es)\b)"
    rf"|\bich (?:sagte|meinte)\b{_AGREES}(?! (?:dass|ich|wir|du|er|sie|es)\b)"
    rf"|\b(?:dije|(?:he|hemos) dicho|queria decir|me referia a)\b{_AGREES}(?! que (?!sin|no|para|en|a|con|somos))"
    rf"|(?<!moi )\b(?:j'ai|je (?:t'|vous |l')ai|j'avais)(?: \w+){{0,2}} dit\b{_AGREES}(?! qu)|\bje (?:voulais dire|parlais de)\b"
)
MAX_CORRECTS: Final = 12
"""Words in which somebody says again what was misheard."""

_CHILDREN: Final = frozenset(("kids", "kinder", "ninos", "enfants", "gosses"))
_OTHERS: Final = (WORDS["to everybody"] | WORDS["to dear ones"] | WORDS["whom kin"]) - _CHILDREN
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

_BRING: Final = (
    r"(?:show|find|suggest|recommend|compare|zeigen|suchen|finden|empfehlen|vorschlagen|raussuchen|vergleichen|mostrar\w*|ensenar\w*"
    r"|buscar\w*|encontrar\w*|recomendar\w*|comparar\w*|montrer|trouver|chercher|proposer|conseiller|recommander|comparer)"
)
_OF_SORT: Final = (
    r"(?:(?:was|etwas|eine?[nms]?|alg\w+|un truc|quelque chose|qqch|anything|something) (?:mit|ohne|unter|\w+eres|con|sin|cerca|mas"
    r"|avec|sans|pres|de moins|de plus|moins|plus|with|without|near\w*|under|\w+er)\b)"
)
_HAVE_IT: Final = re.compile(
    rf"{_BEGINS}(?:hast du|habt ihr|t'as|tu as|as[- ]tu|tienes|tenes|teneis|do (?:you|u) have|(?:have (?:you|u) |(?:you|u) )?got)"
    rf"(?: (?:auch|vielleicht|da|noch|aussi))* {_OF_SORT}"
)
_CAN_YOU: Final = re.compile(
    rf"\b(?:kannst du|konntest du|puedes|podrias|podes|podeis|tu peux|tu pourrais|peux[- ]tu|pourrais[- ]tu|(?:can|could) (?:you|u))"
    rf"(?: \w+){{0,5}} {_BRING}\b(?! out\b)"
)
_STAY_OR_FLIGHT: Final = r"(?:hotels?|hostel|room|flights?|place to stay|unterkunft|zimmer|fluge?|alojamiento|vuelos?|logement|gite|vols?)\b"
_IS_MISSING: Final = re.compile(
    rf"\b(?:(?:just|only|still) need|fehl(?:t|en)(?: nur| uns| jetzt)*(?: noch)?|falta(?:n)?|manque(?: plus)?(?: qu)?)'?"
    rf" ?(?:an? |the |some |eine? |das |der |el |un |une |le |l')?{_STAY_OR_FLIGHT}"
)
_YOU_SHOW: Final = re.compile(
    r"\b(?:you (?:keep|are|'re) showing (?:me|us)|(?:du )?zeigst (?:du )?(?:mir|uns)|(?:me|nos) (?:estas )?(?:ensenas|ensenando|muestras"
    r"|mostrando)|tu (?:me|nous) (?:re)?montres)\b"
)
_YOU_MAY_BOOK: Final = re.compile(
    r"\b(?:(?:you|u) can book(?: it| that)?|kannst (?:(?:das|es|ihn|jetzt|gerne|dann) )*buchen|puedes reservar(?:l[oa]s?)?"
    r"|tu peux (?:l[ea]s? )?reserver)\W*$"
)
_YOURS: Final = re.compile(r"\b(?:your|dein\w*|euer|eure\w*|tus|vuestr\w+|ton|ta|tes)\b")
_FORMALLY: Final = re.compile(
    rf"\b(?:pourriez|pouvez)[- ]vous (?:\w+[ '])?(?:{_BRING}|reserver|annuler)\b|\b(?:avez|auriez)[- ]vous (?:{_OF_SORT}|des {_TRAVEL})"
    rf"|\b(?:tiene|tendria)(?: usted)? {_OF_SORT}|\bpodria (?:{_BRING}|reservar\w*|cancelar\w*)\b"
    r"|\b(?:que|what|was|wohin|wo|ou|donde|tu)\b.* (?:nos recom\w+|nous (?:conseill|recommand|propos)\w+|empf(?:iehlst|ehlen) (?:du|sie)"
    r" uns|(?:recommend|suggest) (?:to |for )?us)\b"
)
_SIE: Final = re.compile(
    r"\b(?:[Kk]önnt?en|[Hh](?:aben|ätten)|[Ww]ürden) Sie (?:uns|auch|noch|etwas|was|das|den|die|bitte)\b"
)
"""Before it is folded: "sie" alone are others."""

_SAYS_US: Final = re.compile(
    rf"{_OPENS}(?:we(?:'?re| are)|there(?:'?s| are| will be)|wir sind|somos|on (?:n')?est|nous sommes)"
    rf"(?: (?:only|just|now|jetzt|doch|nur|noch|zu|ya|solo|plus|que))* (?:{NUMBER})\b"
    r"(?: (?:of us|now|in total|en fait|jetzt|insgesamt|adultos|adults|erwachsene|adultes|personas|people|personen|personnes))*\W*$"
)
_LIMITS: Final = WORDS["beside what one has to spend"]
_NOT_AT: Final = re.compile(
    rf"{_OPENS}(?:not|nicht|no|pas|nothing|nichts|nada|rien) (?:before|after|vor|nach|antes de|despues de|avant|apres)"
    r" (?:las |les |la )?\d{1,2}(?:[:.h]\d{0,2})?(?: ?(?:am|pm|uhr|h))?\W*$"
)
_BESIDE: Final = WORDS["before what goes on"]
_YOU: Final = WORDS["whom you"] | WORDS["to everybody"] | WORDS["to dear ones"]
MAX_FOLLOWS: Final = 5
"""Words of "and for dinner?"."""

_TAKE_IT: Final = re.compile(
    rf"{_OPENS}(?!.*\b(?:now|wait|jetzt|warten|ahora|esper\w+|maintenant|attend\w*)\b)"
    r"(?:(?:shall|should) we (?:just )?(?:take|book|go for|go with) (?:it|that|this|the|one|number)\b"
    r"|(?:nehmen|buchen) wir (?:das|den|die|es|eins)\b|(?:lo |la )?(?:cogemos|reservamos|pillamos|nos quedamos con) (?:el|la|ese|esa|este|esta|o)\b"
    r"|on (?:(?:prend|reserve|garde|part sur) (?:le |la |l'|celui|celle|ca\b)|(?:le|la) (?:prend|reserve|garde)\b))[^.,!?]*\?\W*$"
)
"""Whether to do so now or to wait is asked of who knows prices."""

_WISHES: Final = re.compile(
    r"\b(?:find|show|need\w*|want\w*|look\w*|search\w*|any(?:thing|where|one)?|some(?:thing|where)?|similar|again|recommend|suggest|you|please|pls"
    r"|instead|rather|such\w*|zeig\w*|brauch\w*|will|woll\w*|wurde\w*|mocht\w*|wieder|bitte|gibt"
    r"|lieber|ahnlich\w*|busc\w*|quier\w*|queremos|necesit\w*|algo|otra|por favor|porfa|parecid\w*|mejor|cherch\w*"
    r"|veux|voudr\w*|faut|stp|svp|pareil\w*|plutot|cancel\w*|storn\w*|annul\w*|refund\w*|confirm\w*"
    r"|twice|zweimal|doppelt|veces|fois|wrong|falsch\w*)\b"
)
_DENIES: Final = re.compile(
    r"\b(?:not|no|nicht|kein\w*|pas|now|still|so|jetzt|noch|also|ahora|maintenant|encore|donc)\b"
)
"""And what draws a conclusion from a story."""

_CLAUSES: Final = re.compile(r"(?<!\d)[.,;:!?]\s*\w+\s+\w+")
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
    rf"{_OPENS}(?:(?:see|meet) (?:you|u|ya) (?:in|at|on|there)|(?:wir (?:sehen|treffen) uns|treffen wir uns) (?:in|am|um|dann|dort|morgen)"
    r"|nos vemos (?:en|el|a|alli)|on se (?:voit|retrouve|rejoint) (?:a|en|au|la|le|lundi|mardi|mercredi|jeudi|vendredi|samedi"
    r"|dimanche|demain))\b"
)
_COUNTS_DOWN: Final = re.compile(
    r"\b\d+ (?:more )?(?:sleeps|days|weeks) (?:'?till?|until|before|to go)\b|\bnoch \d+ (?:tage|wochen|mal schlafen) bis\b"
    r"|\b(?:quedan|faltan|solo) \d+ (?:dias|semanas) (?:para|hasta)\b|\b(?:plus que|encore) \d+ (?:jours|semaines|dodos) avant\b"
)
_FANCY: Final = re.compile(
    rf"\b(?:te|os|les) apetece\b|\bca (?:te|vous) (?:dit|tente|va)\b|\b(?:te|os) (?:va|viene) bien\b|\b(?:hast du|habt ihr|hattest du|hattet ihr) (?:\w+ )?(?:lust|bock)\b"
    rf"|{_OPENS}(?:do (?:you|u) )?fancy (?!{_TRAVEL}\b|hotel\b)[^.,!?]*\?|\bare (?:you|u) (?:all |guys |both )?up for\b"
    r"|\b(?:(?:for|with) (?:you|u)|(?:fur|bei) (?:dich|dir|euch))(?: oder| ok| right)?\s*\?\W*$"
)
_AND_YOU: Final = re.compile(
    rf"{_OPENS}(?:and|und|y|et) (?:you|u|du|ihr|tu|vosotr[oa]s|toi|vous|your \w+|deine?\w? \w+|t[aou]n? \w+)\W*$"
)
_VOSOTROS: Final = re.compile(r"(?i)\b(?!dieci|veinti|acept|ofrec|cobr)\w+[áé]is\b")
"""More than one of them are asked. Before it is folded: "seis" is six; and without what a shop is asked."""

_OF_A_BOT: Final = re.compile(
    rf"{_OPENS}(?:(?:the|this|that|der|die|dieser?|el|la|este|esta|le|ce|cette) |l')(?:chat)?(?:bot|robot|roboter|ai|ki|ia|assistant)"
    r" (?:is|was|has|ist|hat|spinnt|es|esta|no|est|a|n'est)\b"
)
_KIN_GOES: Final = re.compile(
    rf"{_OPENS}(?:my|our|mein\w*|unser\w*|mis?|nuestr[oa]s?|m[aeo]\w*|nos|notre) (?:{'|'.join(sorted(WORDS['whom kin']))})s?"
    r" (?:(?:is|are) (?:flying|going|travelling|driving)|fl(?:y|ies)|fliegt|fliegen|fahrt|fahren|vuelan?|viajan?|vont?|va|van a|partent|part)\b"
)
_IS: Final = re.compile(
    r"\s(?:is|are|isn'?t|aren'?t|ist|sind|es|son|esta|estan|est|sont|c'est)\s+(?P<said>.*)$"
)
_OF_ALL: Final = re.compile(
    r"(?:[\s\d]|\b(?:a|an|the|in|at|over|hotels?|stars?|ein|eine|der|die|das|im|an|zu|sterne?|un|una|el|la|los|las|en|hotel(?:es)?"
    r"|estrellas|une|le|les|au|aux|de|des|etoiles?)\b)*"
)
_JUDGES: Final = re.compile(
    r"\b(?:or|oder|o|ou|it|das|es|lo|ca|fine|ok|okay|good|great|perfect|nice|cool|best|better|works?|out|off|too|cheap\w*|expensive|dear|pricey|cold|hot|gut"
    r"|super|toll|besser|perfekt|raus|zu|teuer|billig\w*|gunstig\w*|bien|genial|perfect[oa]|fuera|demasiado|car[oa]s?|barat[oa]s?"
    r"|parfaite?|mieux|trop|chere?s?|top|for|fur|para|pour|nous|uns|us|my|our|mein\w*|unser\w*|nuestr\w*|mi|mon|notre)\b"
)


def surely_put(text: str, setting: Setting, marks: Sequence[Mark]) -> Put | None:
    """None: how it is put does not tell, or who is there does. Linear in the text."""
    folded = fold(text)
    if setting.people == 1 or setting.addressed or len(folded) > MAX_PUT:
        return None
    rest = folded
    for mark in marks:
        rest = blanked(rest, mark.start, mark.end)
    if _is_limit(rest, setting, marks):
        return _CHANGE
    if "names somebody" not in cues_in(rest):
        put = _for_persona(folded, rest, setting)
        if put is not None or _SIE.search(text):
            return put or _WISH
    is_for_people = (
        _asks_people(folded, setting)
        if "?" in text
        else _tells_people(folded, rest, setting, marks)
    )
    return _FOR_PEOPLE if is_for_people or _VOSOTROS.search(text) else None


def _for_persona(folded: str, rest: str, setting: Setting) -> Put | None:
    """What is asked of who shows things, and what is told to who did. `rest`: without slots."""
    is_shown, is_asked = setting.shown is not None, "?" in folded
    if is_shown and _WHAT_ELSE.search(folded):
        return _CHANGE
    if setting.last == "persona" and not is_asked:
        is_other = rest != folded or _CONTRASTS.search(folded) is not None
        words = words_of(folded)
        is_other = is_other and len(words) <= MAX_CORRECTS and _OTHERS.isdisjoint(words)
        if _MISTAKEN.search(folded) or (is_other and _CORRECTS.search(folded)):
            return Put("persona", "complaint")
        if is_shown and (_SAYS_US.search(folded) or _NOT_AT.search(folded)):
            return _CHANGE
    if setting.last == "persona" and is_shown and is_asked and _goes_on(folded, rest):
        return _CHANGE if rest != folded else _WISH
    if is_shown and not is_asked and _YOU_MAY_BOOK.search(folded):
        return Put("persona", "book")
    is_of_theirs = _YOURS.search(folded) is not None
    if setting.last == "persona" and not is_of_theirs and _YOU_SHOW.search(folded):
        return _WISH
    if not is_asked and _IS_MISSING.search(folded):
        return _WISH
    is_about_things = (is_shown or rest != folded) and not is_of_theirs
    is_sought = is_about_things and _CAN_YOU.search(folded) is not None
    if is_sought or _FORMALLY.search(folded) or (is_shown and _HAVE_IT.search(folded)):
        return _WISH
    is_to_see = _TO_SEE.search(folded) is not None and _TOGETHER.search(folded) is None
    return _WISH if is_to_see else None


def _is_limit(rest: str, setting: Setting, marks: Sequence[Mark]) -> bool:
    """ "500 each", of what a persona has just shown."""
    is_next = setting.last == "persona" and setting.shown is not None
    kinds = {mark.slot for mark in marks}
    return (
        is_next and kinds == {"budget"} and "?" not in rest and _LIMITS.issuperset(words_of(rest))
    )


def _goes_on(folded: str, rest: str) -> bool:
    """ "And in June?", "and for dinner?": the same at other days, and with or without something."""
    first, *others = words_of(rest) or [""]
    if first not in _AND:
        return False
    if rest != folded and _BEFORE_SLOTS.issuperset(others):
        return True
    is_little = 0 < len(others) < MAX_FOLLOWS and _YOU.isdisjoint(others)
    return is_little and others[0] in _BESIDE


def _asks_people(folded: str, setting: Setting) -> bool:
    """Whether they like the thought, and whether "we" take it."""
    is_of_you = setting.last == "human" or setting.shown is not None
    is_asked_back = is_of_you and _AND_YOU.search(folded) is not None
    return is_asked_back or any(one.search(folded) for one in (_FANCY, _TAKE_IT))


def _tells_people(folded: str, rest: str, setting: Setting, marks: Sequence[Mark]) -> bool:
    """What one has done, where one meets, what others do, and what a place is like, if nothing is wished beside it."""
    if any(one.search(folded) for one in (_FANCY, _OF_A_BOT, _COUNTS_DOWN)):
        return True
    if _CLAUSES.search(folded):
        return False
    if _MEETS.search(folded):
        return True
    if setting.asked is not None or _WISHES.search(folded):
        return False
    if _is_of_the_world(rest, marks):
        return True
    is_of_place = any(mark.slot == "destination" for mark in marks)
    is_told = is_of_place and any(one.search(folded) for one in (_HAS_BEEN, _KIN_GOES))
    is_told = is_told or _HAS_BOOKED.search(folded) is not None
    return is_told and _DENIES.search(folded) is None


def _is_of_the_world(rest: str, marks: Sequence[Mark]) -> bool:
    """ "Rome in August is hell": what a place, or all its hotels, are like, of which nothing is wished."""
    found = _IS.search(rest)
    if found is None or not any(mark.slot == "destination" for mark in marks):
        return False
    is_before = all(mark.end <= found.start() + 1 for mark in marks)
    is_of_place = _OF_ALL.fullmatch(rest[: found.start()]) is not None
    return is_before and is_of_place and _JUDGES.search(found["said"]) is None
