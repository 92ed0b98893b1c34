"""Who comes along: adults and children as far as a message says."""

import re
from dataclasses import dataclass
from itertools import islice
from typing import Final

from inference.understanding.ages import LIST, NO_AGES, SEVERAL, THEY_ARE, ages_in
from inference.understanding.calendar_words import NUMBER, NUMBERS, number_of
from inference.understanding.when import MOST_MATCHES
from protocol.understanding import Language, PartySaid

Spans = list[tuple[int, int]]

_N: Final = rf"(?P<n>{NUMBER})"
_ONLY: Final = r"(?:(?:only|just|now|actually|nur|doch|jetzt|noch|bloss|solo|ya|ahora|al final|seulement|que|plus|maintenant|finalement) ){0,3}"
_NO_CHILDREN: Final = re.compile(
    r"\b(?:without|no|ohne|sin|sans) (?:the |my |our |any |his |her |die |unsere |meine |los |las |mis |nuestros |les |nos |mes )?"
    r"(?:kids|children|kinder|ninos|ninas|hijos|enfants|gosses)\b(?![ -](?:club|menu|pool|area|discount|under))"
)


@dataclass(frozen=True, slots=True)
class _Words:
    """How a language speaks of people; regular expressions over folded text."""

    adults: str
    children: str
    people: str
    child_kin: str
    adult_kin: str
    pair_kin: str
    us: str
    alone: str
    two: str
    my: str
    self_: str


_EN: Final = _Words(
    adults=r"adults?|grown[ -]?ups?|ad\b",
    children=r"kids?|kiddos?|children|child|toddlers?|bab(?:y|ies)|newborns?|teens?|teenagers?|little ones|infants?|chd?\b|bbs?\b|under \d+s?|bubs?|babas?|boys|girls(?= and)|daughters|sons",
    people=r"people|persons?|ppl|pax|guests|travell?ers|friends|mates|cousins|colleagues|siblings|sisters|brothers|couples(?=x)|lads|girls|guys|of us|buddies|women|men|ladies|heads|students",
    child_kin=r"\d+[ -]?(?:yo|y/o|year[ -]?old|month[ -]?old)|bab(?:y|ies)|baba|bub|bubba|toddler|newborn|infant|son|daughter|kid|child|little (?:one|boy|girl)|nephew|niece|grandson|granddaughter|teenager|teen",
    adult_kin=r"wife|wifey|missus|mrs|mister|husband|hubby|girlfriend|gf|boyfriend|bf|partner|fiancee?|mum|mom|mother|dad|father|sister|brother|sis|bro|friend|mate|bestie|"
    r"best friend|aunt|uncle|cousin|gran|grandma|grandpa|granny|nan|nana|colleague|missus|other half|roommate|flatmate|in[ -]law|bff|buddy",
    pair_kin=r"parents|grandparents|folks|mum and dad|mom and dad|inlaws|in-laws",
    us=rf"(?:the )?{_N} of us(?! (?:are|is|still))|\bus {_N.replace('<n>', '<n2>')}\b|(?!(?:we are|we're|were|we r) an? )(?:we are|we're|were|we r|there(?:'s| are| r)|party of|group of|family of|table for|room for|we will be|it'?s|itll be|we'd be) {_ONLY}{_N.replace('<n>', '<n3>')}(?! (?:adults?|kids?|children|nights?|days?|weeks?|hours?|min|year|star|different|week))\b",
    alone=r"\b(?:just|only) (?:me|myself|for me)\b(?! (?:and|\+|&|n |plus|or))|\bsolo\b(?! (?:otro))|\balone\b|\bby myself\b|\bon my own\b|\bsingle travell?er\b|\btravell?ing single\b|\bone person\b|\bone adult\b",
    two=r"\b(?:the )?(?:two|2) of us\b|\bus two\b|\bboth of us\b|\bas a couple\b|\bfor a couple\b(?! of)|\bcouples? (?:trip|getaway|weekend)\b|\b(?:we are|we're|were) a couple\b|\bhoneymoon\b(?=x)",
    my=r"my|our|the|a|his|her",
    self_=r"\bme\b|\bi\b|\bmyself\b",
)
_DE: Final = _Words(
    adults=r"erwachsene[nr]?|erw\.?(?!\w)|grose",
    children=r"kinder[n]?|kind|kids?|babys?|kleinkind(?:er[n]?)?|teenager|tochter|sohne",
    people=r"personen|pers\.?\b|leuten?|mann\b(?! )|freunde[n]?|madels|jungs|kumpels|freundinnen|gaste[n]?|reisende",
    child_kin=r"\d+[ -]?jahrig\w*|baby|kleinkind|sohn|tochter|kind|kleine[nr]?|enkel|enkelin|neffe|nichte|saugling",
    adult_kin=r"frau|mann|freundin|freund|partner(?:in)?|mutter|mama|papa|vater|schwester|bruder|oma|opa|tante|onkel|kumpel|beste freundin|bester freund|kollegin|kollege|schatz|verlobte[nr]?|cousine?|mutti",
    pair_kin=r"eltern|grosseltern|groseltern|schwiegereltern",
    us=rf"(?:wir sind|wir waren|wir|sind|z|fur uns|gruppe von|zu) {_ONLY}(?P<n>{NUMBER}|zweit|dritt|viert|funft|fuenft|sechst|siebt|acht)(?! (?:erwachsene|kinder|nachte|tage|wochen|stunden|sterne|zimmer|kids?|tag))\b",
    alone=r"\b(?:nur|blos|bloss) (?:ich|fur mich|mich)\b(?! (?:und|\+))|\ballein(?:e|reisend\w*)?\b|\bsolo\b|\beine person\b|\bein erwachsener\b",
    two=r"\bzu zweit\b|\bwir (?:zwei|beide|beiden)\b|\buns (?:zwei|beide|beiden)\b|\bals paar\b|\bfur (?:uns )?(?:zwei|2)\b(?! (?:nachte|tage|wochen|kinder|erwachsene|kids|naechte))|\bzwei personen\b",
    my=r"mein(?:e[mnrs]?)?|unser(?:e[mnrs]?)?|der|die|das|dem|den|ein(?:e[mnr]?)?|nem|ner",
    self_=r"\bich\b|\bmir\b|\bmich\b",
)
_ES: Final = _Words(
    adults=r"adultos?|mayores",
    children=r"ninos?|ninas?|crios?|peques?|hijos?|hijas?|bebes?|chiquillos|menores|nenes?",
    people=r"personas?|pers\b|amigos|amigas|colegas|chicas|chicos|tios|pax|huespedes|viajeros",
    child_kin=r"bebe|hijo|hija|nino|nina|crio|peque|sobrino|sobrina|nieto|nieta|nene",
    adult_kin=r"mujer|marido|novia|novio|pareja|esposa|esposo|madre|padre|mama|papa|hermana|hermano|amigo|amiga|abuela|abuelo|tia|tio|prima|primo|suegra|suegro|colega|chica|chico",
    pair_kin=r"padres|abuelos|suegros",
    us=rf"(?:somos|seremos|seriamos|vamos|iriamos|grupo de|familia de|para|nosotr[oa]s|(?<!entre )(?<!de )(?<!a )los) {_ONLY}{_N}(?! (?:adultos?|ninos?|noches?|dias?|semanas?|horas?|estrellas?|habitaciones?|personas?|hijos?|de|meses|primer\w*|ultim\w*|opcion\w*|hotel\w*))\b",
    alone=r"\b(?:solo|solamente|solo para) (?:yo|mi)\b(?! y)|\b(?:voy|viajo|ire) sol[oa]\b|\byo (?:solo|sola|solito|solita)\b|\bviajo (?:solo|sola)\b|\bsol[oa] yo\b|\buna persona\b|\bun adulto\b|\ben solitario\b|\bpara mi solo\b",
    two=r"\blos dos\b(?! (?:primer|ultim|hotel|vuel))|\blas dos juntas\b|\ben pareja\b|\bnosotros dos\b|\bpara (?:dos|2)\b(?! (?:noches|dias|semanas|ninos|adultos))|\bcomo pareja\b",
    my=r"mi|mis|nuestr[oa]s?|el|la|los|las|un|una|su",
    self_=r"\byo\b|\bconmigo\b",
)
_FR: Final = _Words(
    adults=r"adultes?|ad\b|grandes?\b(?= personnes)",
    children=r"enfants?|enf\.?(?!\w)|gamins?|gosses?|bebes?|bbs?|petits|ados?|filles(?= et)|mioches|bouts? de chou|kids",
    people=r"personnes?|pers\b|amis|amies|potes|copains|copines|gars|filles|pax|voyageurs|collegues",
    child_kin=r"bebe|bb|fils|fille|enfant|petite?(?!s? ?-?dej)|ptite?(?! ?-?dej)|neveu|niece|petit-fils|petite-fille|ado|gamin|loulou",
    adult_kin=r"femme|mari|copine|copain|conjoint|conjointe|mere|pere|maman|papa|soeur|sour|sor|sr|frere|ami|amie|mamie|papi|papy|grand-mere|grand-pere|tante|oncle|cousine?|pote|meuf|mec|collegue|fiancee?|cherie?",
    pair_kin=r"parents|grands-parents|beaux-parents",
    us=rf"(?:on est|on sera|nous sommes|on serait|serons|on part|on part a|groupe de|famille de|pour|a) {_ONLY}{_N}(?! (?:adultes?|enfants?|nuits?|jours?|semaines?|heures?|etoiles?|chambres?|personnes?|h\b|km|min|pers\b|euros?|€|mois|balles|%))\b(?!\s?(?:h\d|€))",
    alone=r"\b(?:juste|que|seulement) (?:moi|pour moi)\b(?! et)|\b(?:tout|toute)? ?seule?\b(?! (?:ment|hotel|vol))|\bmoi (?:tout )?seule?\b|\ben solo\b|\bune personne\b|\bun adulte\b",
    two=r"\btous les deux\b|\bnous deux\b|\bon est (?:deux|2)\b|\ben couple\b|\ba deux\b|\bpour (?:deux|2)\b(?! (?:nuits|jours|semaines|enfants|adultes))|\ben amoureux\b",
    my=r"ma|mon|mes|notre|nos|la|le|les|un|une|sa|son",
    self_=r"\bmoi\b|\bje\b",
)
_WORDS: Final[dict[Language, _Words]] = {"en": _EN, "de": _DE, "es": _ES, "fr": _FR}
_AND: Final = r"(?:\s*(?:and|und|y|et|\+|&|plus|n|,|mit|con|avec|with|w/?)\s*)"
_TOGETHER: Final = {
    "zweit": 2,
    "dritt": 3,
    "viert": 4,
    "funft": 5,
    "fuenft": 5,
    "sechst": 6,
    "siebt": 7,
}
_AS: Final = re.compile(r"\b(?:as|als|comme|como) $")
_MANY: Final = r"\d{1,2}|" + "|".join(
    word for word, number in NUMBERS.items() if number > 1 and word not in ("couple", "pair")
)
_NO_PERSON: Final = re.compile(
    r"[- ](?:friendly|club|clubs|menu|pool|bed|seat|room|area|stuff|gerecht|freundlich)"
)
_ARTICLES: Final = frozenset(
    ["a", "an", "la", "une", "un", "una", "ein", "eine", "einen", "einer", "one", "eins"]
)


@dataclass(frozen=True, slots=True)
class _Patterns:
    """A language's, compiled."""

    adults: "re.Pattern[str]"
    children: "re.Pattern[str]"
    people: "re.Pattern[str]"
    us: "re.Pattern[str]"
    alone: "re.Pattern[str]"
    two: "re.Pattern[str]"
    with_self: "re.Pattern[str]"
    child: "re.Pattern[str]"
    adult: "re.Pattern[str]"
    pair: "re.Pattern[str]"
    lone: "re.Pattern[str]"
    ages: "re.Pattern[str]"
    kin: "re.Pattern[str]"
    pairs: "re.Pattern[str]"


def _compiled(words: _Words) -> _Patterns:
    kin = f"{words.adult_kin}|{words.pair_kin}|{words.child_kin}|{words.children}|{words.people}"
    adjective = r"(?:\w+ )?"
    near = rf"(?:{words.my}) {adjective}(?:(?:{NUMBER}) )?{adjective}(?:{kin})\b"
    near = rf"(?:{near}|(?:{NUMBER}) {adjective}(?:{words.people})\b)"
    own = rf"\b(?!(?:a|an|un|una|une|eine?[mnr]?)\b)(?:{words.my}) {adjective}(?:{words.adult_kin}|{words.pair_kin}|{words.child_kin})\b"
    comma = r"(?:,? \w+)?"
    return _Patterns(
        ages=re.compile(
            rf"\b(?:{words.children})\W{{0,2}}(?:(?:aged|ages?|im alter von|ages de)\W{{0,2}}(?P<ages>{LIST})"
            rf"|(?:are|de|von)?\W{{0,2}}(?P<several>{SEVERAL})){NO_AGES}"
        ),
        kin=re.compile(rf"\b(?:{words.my}) {adjective}(?:{words.adult_kin})\b"),
        pairs=re.compile(rf"\b(?:{words.my}) {adjective}(?:{words.pair_kin})\b"),
        adults=re.compile(rf"\b{_N}\s?(?:{words.adults})\b"),
        children=re.compile(
            rf"\b{_N}\s?(?:small |young |little |kleine[n]? |pequenos |petits |jeunes )?(?:{words.children})\b"
        ),
        people=re.compile(
            rf"\b(?:{_N}\s?(?:other |more |weitere |autres )?|(?P<n2>{_MANY}) [a-z]+ (?:[a-z]+ )?)(?:{words.people})\b"
        ),
        us=re.compile(rf"(?:\b|^)(?:{words.us})"),
        alone=re.compile(words.alone),
        two=re.compile(words.two),
        with_self=re.compile(
            rf"(?:{words.self_}){comma}{_AND}{near}|(?:{words.self_})\s{own}"
            rf"|{near}(?:{_AND}\w+)?{_AND}(?:{words.self_})|{own}\s(?:{words.self_})"
        ),
        child=re.compile(
            rf"(?:(?<!\w)(?:with|mit|con|avec|w/?|and|und|y|et|n|for|fur|para|pour)|[,+&]) ?(?:(?:{words.my}) )?{adjective}(?:{words.child_kin})\b(?!-| club| bed| friendly| cot| seat)"
        ),
        adult=re.compile(
            rf"(?<!\w)(?:with|mit|con|avec|w/?|and|und|y|et|me|\+|&|n|bring\w*|taking|take) (?:(?:{words.my}) {adjective})?(?:{words.adult_kin})\b"
            rf"|\b(?:{words.my}) (?:{words.adult_kin}){_AND}"
        ),
        pair=re.compile(
            rf"\b(?:with|mit|con|avec|w/?|and|und|y|et|,|\+|&|for|fur|para|pour) (?:{words.my}) (?:{words.pair_kin})\b"
        ),
        lone=re.compile(
            rf"^\W*(?:(?:we are|we're|fur|for|para|pour|nur|just|solo|juste|wir sind|somos|on est|so|about|like) )?{_N}\W*(?:please|pls|bitte|porfa|svp)?\W*$"
        ),
    )


_COMPILED: Final[dict[Language, _Patterns]] = {
    language: _compiled(words) for language, words in _WORDS.items()
}
_FOR: Final = {
    "en": r"\bfor {n}\b(?! ?(?:night|day|week|month|hour|year|min|euro|eur|usd|dollar|pound|quid|\$|€|£|k\b|%|of (?:the|those)|nite|st|nd|room|\d|[.,]\d))",
    "de": r"\bfur (?:uns )?{n}\b(?! ?(?:nacht|naecht|tag|woch|monat|stund|euro|eur\b|€|%|\d|[.,]\d|chf|franken|zimmer))",
    "es": r"\b(?:para|pa) {n}\b(?! ?(?:noche|dia|semana|mes|hora|euro|€|%|\d|[.,]\d|dolar|habitac))",
    "fr": r"\b(?:pour|pr) {n}\b(?! ?(?:nuit|jour|semaine|mois|heure|euro|€|%|\d|[.,]\d|balle|chambre|h\b))",
}
_FOR_N: Final = {
    language: re.compile(
        pattern.replace(
            "{n}",
            rf"(?P<n>[1-9]|1\d|{'|'.join(w for w in NUMBER.split('|')[1:] if w not in _ARTICLES)})",
        )
    )
    for language, pattern in _FOR.items()
}


def party_in(
    text: str, taken: Spans, *, language: Language, asked: bool = False
) -> PartySaid | None:
    """`text`: folded. `taken`: characters that are dates or money. `asked`: it answers how many."""
    found = _party(_COMPILED[language], text, taken, language, asked=asked)
    if found is None and asked:
        # A bare "2 erw, 1 bb" tells nothing of its language.
        for other in (other for other in _COMPILED if other != language):
            found = found or _party(_COMPILED[other], text, taken, other, asked=asked)
    return found


def _party(
    patterns: _Patterns, text: str, taken: Spans, language: Language, *, asked: bool
) -> PartySaid | None:
    children = _count(patterns.children, text, taken)
    listed = _listed(patterns, text, taken)
    if children is None and listed:
        children = len(re.findall(r"\d+", listed))
    if children is None:
        kin = [match[0] for match in patterns.child.finditer(text) if not _is_grown(match[0])]
        children = min(len(kin), 4) or None
    of_them = THEY_ARE.search(text)
    if of_them is not None:
        listed, taken = of_them["ages"], [*taken, of_them.span("ages")]
    ages = ages_in(text, listed) if children or listed else ()
    children = max(children or 0, len(ages)) or None
    adults = _adults(patterns, text, taken, language, asked=asked)
    if children and adults is not None and not _count(patterns.adults, text, taken):
        adults = _less_children(text, adults, children)
    if not adults and not children:
        return PartySaid(children=0) if _NO_CHILDREN.search(text) else None
    return PartySaid(adults=adults or None, children=children, ages=ages)


def _listed(patterns: _Patterns, text: str, taken: Spans) -> str:
    """Numbers right after the children: "kids 4 and 7"."""
    match = patterns.ages.search(text)
    if match is None or _is_taken(match, taken):
        return ""
    return match["ages"] or match["several"]


def _adults(
    patterns: _Patterns, text: str, taken: Spans, language: Language, *, asked: bool
) -> int | None:
    counted = _count(patterns.adults, text, taken)
    if counted is not None:
        return counted
    with_self = patterns.with_self.search(text)
    if with_self and (among := _among(patterns, text, taken)):
        return among
    for pattern in (patterns.people, patterns.us, _FOR_N[language]):
        counted = _count(pattern, text, taken)
        if counted is not None and (counted > 1 or pattern is not patterns.us):
            return counted
    if patterns.alone.search(text):
        return 1
    if patterns.two.search(text):
        return 2
    if patterns.pair.search(text):
        return 3
    if patterns.adult.search(text):
        return 2
    if asked and (match := patterns.lone.match(text)) and not _is_taken(match, taken):
        return number_of(match["n"])
    return None


def _among(patterns: _Patterns, text: str, taken: Spans) -> int:
    """I, and those adults who are named beside me."""
    friends = _count(patterns.people, text, taken) or 0
    named = patterns.adult.pattern + "|" + patterns.pair.pattern
    listed = len(re.findall(f"(?:{named})", text)) + len(patterns.pair.findall(text))
    owned = len(patterns.kin.findall(text)) + 2 * len(patterns.pairs.findall(text))
    return 1 + max(friends, min(max(listed, owned), 6))


def _less_children(text: str, adults: int, children: int) -> int:
    """Four, two of them children: two adults."""
    return adults - children if adults > children and _OF_THEM.search(text) else adults


def _is_grown(said: str) -> bool:
    """A child of 19 years is none."""
    age = re.search(r"\d+", said)
    return age is not None and int(age[0]) > 17 and "month" not in said


_OF_THEM: Final = re.compile(
    r"\b(?:including|incl\.?|inkl\w*|davon|darunter|of (?:them|which|whom)|dont|de ellos|incluyendo|contando|counting|y compris|family of|familia de|famille de)\b"
)


def _count(pattern: "re.Pattern[str]", text: str, taken: Spans) -> int | None:
    total = 0
    for match in islice(pattern.finditer(text), MOST_MATCHES):
        if _is_taken(match, taken):
            continue
        word = next(
            (value for name, value in match.groupdict().items() if name[0] == "n" and value), None
        )
        if word is None:
            continue
        if _AS.search(text[: match.start()]):
            continue
        if word in _ARTICLES and (match[0].endswith("s") or _NO_PERSON.match(text[match.end() :])):
            continue
        number = _TOGETHER.get(word) or number_of(word)
        if 0 < number <= 50:
            total += number
            if not pattern.pattern.startswith(r"\b(?P<n>"):
                break
    return total or None


def _is_taken(match: "re.Match[str]", taken: Spans) -> bool:
    group = next((name for name, value in match.groupdict().items() if value), None)
    start, end = match.span(group) if group else match.span()
    return any(a < end and start < b for a, b in taken)
