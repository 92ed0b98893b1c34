"""How much somebody will spend: amount, currency, and for what."""

import re
from typing import Final, Literal

from protocol.understanding import Budget

Spans = list[tuple[int, int]]

_CURRENCIES: Final = {
    r"€|eur(?:os?)?\b|euronen\b": "EUR",
    r"\$|usd\b|us\$|dollars?\b|dolares\b|dolar\b|bucks?\b": "USD",
    r"£|gbp\b|pounds?\b|quid\b|pfund\b|libras?\b|livres\b": "GBP",
    r"chf\b|sfr\b|franken\b|stutz\b|francs? suisses?\b|francos suizos\b|swiss francs?\b": "CHF",
    r"¥|jpy\b|yen\b": "JPY",
    r"sek\b": "SEK",
    r"nok\b": "NOK",
    r"dkk\b": "DKK",
    r"pln\b|zloty\b": "PLN",
    r"cad\b": "CAD",
    r"aud\b": "AUD",
    r"nzd\b": "NZD",
    r"mxn\b": "MXN",
    r"inr\b|₹|rupees?\b": "INR",
    r"aed\b": "AED",
}
_CURRENCY: Final = "|".join(
    f"(?P<{code.lower()}{{n}}>{pattern})" for pattern, code in _CURRENCIES.items()
)
_CODES: Final = tuple(_CURRENCIES.values())
_AMOUNT: Final = r"(?P<amount>\d{1,3}(?:[.,' ]\d{3}){1,4}(?!\d)|\d{1,6}(?:[.,]\d{1,2})?(?!\d))"
_THOUSANDS: Final = r"(?P<thousand>\s?k\b|\s?(?:grand|mille?|mil|tausend|thousand|millon(?:es)?|millions?|millionen|mio)\b)?"
_GRAND: Final = r"(?P<thousand3>\s?(?:grand|millones|mil pesos|mil euros|millions?|mio)\b)"
_WORDS: Final = {
    r"(?:a |one )?thousand|a grand|tausend|mil|mille": 1_000.0,
    r"(?:a |one )hundred|hundert|cien|cent": 100.0,
    r"(?:two|2) hundred|zweihundert|doscientos|deux cents?": 200.0,
    r"(?:three|3) hundred|dreihundert|trescientos|trois cents?": 300.0,
    r"(?:four|4) hundred|vierhundert|cuatrocientos|quatre cents?": 400.0,
    r"(?:five|5) hundred|funfhundert|fuenfhundert|quinientos|cinq cents?": 500.0,
    r"(?:six|6) hundred|sechshundert|seiscientos|six cents?": 600.0,
    r"(?:eight|8) hundred|achthundert|ochocientos|huit cents?": 800.0,
    r"(?:two|2) thousand|(?:two|2) grand|zweitausend|dos mil|deux mille": 2_000.0,
    r"(?:three|3) thousand|(?:three|3) grand|dreitausend|tres mil|trois mille": 3_000.0,
    r"fifty|funfzig|fuenfzig|cincuenta|cinquante": 50.0,
    r"eighty|achtzig|ochenta|quatre[ -]vingts?": 80.0,
}
_SAID: Final = "|".join(f"(?P<w{at}>{words})" for at, words in enumerate(_WORDS))
_SIGNED: Final = re.compile(
    rf"(?:{_CURRENCY.format(n=1)})\s?{_AMOUNT}{_THOUSANDS}"
    rf"|(?<![\d.,]){_AMOUNT.replace('amount', 'amount2')}{_THOUSANDS.replace('thousand>', 'thousand2>', 1)}"
    rf"\s?(?:{_CURRENCY.format(n=2)})"
    rf"|\b(?:{_SAID})\s(?:{_CURRENCY.format(n=3)})"
    rf"|(?<![\d.,]){_AMOUNT.replace('amount', 'amount3')}(?:{_GRAND}|\s?(?:balles|pavos|pesos|kronen|eus|eurillos)\b)"
)
_LIMIT: Final = (
    r"(?:under|below|less than|max(?:imum|imal|imo)?\.?|up to|around|about|budget(?: is| of| ist| von| de| es| est|:)*|"
    r"no more than|not more than|(?:not |no )?spend\\w* (?:more than|over)|not over|nothing over|at most|within|spend|unter|bis(?: zu)?|hochstens|hoechstens|"
    r"maximal|nicht mehr als|nicht uber|obergrenze(?: ist| von|:)*|en dessous de|au plus|au dessous de|plafond(?: de)?|ca\.?|circa|etwa|so um(?: die)?|um die|rund|menos de|hasta|maximo de|como mucho|"
    r"como maximo|no mas de|unos|tope(?: de)?|presupuesto(?: de|:)?|sobre los|moins de|jusqu'?a|environ|autour de|dans les|"
    r"pas plus de|maxi|au maximum|grand max|limit(?: is| of)?|cap(?: is| of)?|<|~)"
)
_UNITS: Final = (
    r"(?!\s?(?:st|nd|rd|th|h|hrs?|hours?|std|stunden?|horas?|heures?|min\w*|km|kms|m|miles?|meilen|%|prozent|por ciento|"
    r"pax|people|persons?\b(?<!per person)|ppl|adults?|kids?|children|of us|guests|personen|leute|erwachsene?|kinder|personas|adultos|"
    r"ninos|personnes|adultes|enfants|nights?|nites?|nachte?|naechte|noches?|nuits?|days?|tage?|dias?|jours?|weeks?|"
    r"wochen?|semanas?|semaines?|months?|monate?|meses|mois|stars?|sterne|estrellas|etoiles|stops?|rooms?|zimmer|"
    r"habitaciones|chambres|years?|jahre?|anos|ans|am\b|pm\b|uhr|kg|kilos?|grad|grados|degr\w*|°|c\b|[:/]\d|[.]\d\d?\.|"
    r"(?:jan|feb|mar|apr|may|mai|jun|jul|aug|sep|oct|okt|nov|de[cz]|ene|abr|ago|dic|fev|avr|juin|juil|aout)\w*))"
)
_LIMITED: Final = re.compile(
    rf"(?<!\w){_LIMIT}\s?(?:{_AMOUNT}{_THOUSANDS}(?!\d){_UNITS}|(?:{_SAID})\b{_UNITS})"
)
_PER_AFTER_BARE: Final = re.compile(
    rf"(?<![\d.,/]){_AMOUNT}{_THOUSANDS}\s?(?=(?:a|per|/|pro|por|par|la|die|each|pp|p\.p|pn|p\.n|max\b|tops\b|in total|total|"
    r"altogether|insgesamt|gesamt|en total|en tout|au total|como mucho|maximo|maxi|chacun|cada uno|je person)\s?"
    r"(?:night|nite|nacht|noche|nuit|person\w*|pers\b|nase|kopf|cabeza|tete|head|day\b|$|[\s,.!?/)]))"
)
_NAMED_AFTER: Final = re.compile(
    rf"(?<![\d.,/]){_AMOUNT}{_THOUSANDS}\s?(?=(?:budget|ist (?:unser|mein) (?:budget|limit)|is (?:our|my|the) (?:budget|limit|max)|presupuesto|de (?:presupuesto|budget)|to spend|zum ausgeben|para gastar|a depenser)\b)"
)
_LONE: Final = re.compile(rf"^\W*(?:\w+ ){{0,4}}?{_AMOUNT}{_THOUSANDS}{_UNITS}(?:\W|\s\w+){{0,4}}$")

_PER_NIGHT: Final = re.compile(
    r"\b(?:a|per|pro|por|par|the|la|die|each|every|cada|chaque)\s?(?:night|nite|nacht|noche|nuit|nuitee)\b|/ ?(?:night|nacht|noche|nuit)|"
    r"\bp/?n\b|\bnightly\b|\bd(?:ie|e) nacht\b"
)
_PER_PERSON: Final = re.compile(
    r"\b(?:a|per|pro|por|par|x|je|each|jede[rn]?|cada|chaque)\s?(?:person\w*|pers\b|head|nase|kopf|cabeza|persona|tete|pax|uno)|"
    r"/ ?(?:person\w*|pers|head|kopf|pax|p\b)|\bpp\b|\bp\.p\.?|\beach\b|\bchacune?\b|\bcada (?:uno|una)\b|\bp/p\b|\bjeweils\b"
)
_EVERY_NIGHT: Final = re.compile(
    r"\bpppn\b|\bpp ?/?pn\b|\bp\.p\.p\.n|per person,? (?:and |a |per |each |/ ?)?night|(?:a|per) night,? (?:and |per |each )+person|a night each"
    r"|pro (?:person|kopf|nase) (?:und|pro|/) ?(?:pro )?nacht|pro nacht (?:und|pro) (?:pro )?(?:person|kopf|nase)"
    r"|por persona (?:y )?(?:por )?noche|por noche (?:y )?(?:por )?persona|par personne (?:et )?(?:par )?(?:nuit|la nuit)|(?:par|la) nuit (?:et )?par personne"
)
"""For each of them, each night."""

_TOTAL: Final = re.compile(
    r"\b(?:in total|total|al+together|all together|all in all|all in|alles zame|alles inklusive|insgesamt|gesamt|im ganzen|alles zusammen|en total|en todo|en tout|"
    r"au total|tout compris|todo incluido el viaje|for all of us|for both(?: of us)?|for the (?:two|three|four) of us|entre (?:todos|los dos)|fur uns beide|pour nous deux|pour les deux|para los dos|for everyone|for the (?:lot|whole \w+)|for everything|overall|zusammen|"
    r"para todos|por todo|para todo|pour tout|pour tous|fur alle(?:s)?|fur uns alle|pour nous tous|entre todos|combined)\b"
)

Per = Literal["night", "person", "person_night", "total"]
_PERS: Final[tuple[tuple[re.Pattern[str], Per], ...]] = (
    (_PER_NIGHT, "night"),
    (_PER_PERSON, "person"),
    (_TOTAL, "total"),
)


def budget_in(text: str, taken: Spans, *, asked: bool = False) -> tuple[Budget | None, Spans]:
    """`text`: folded. `taken`: characters that say something else. `asked`: it answers how much."""
    patterns = [_SIGNED, _LIMITED, _PER_AFTER_BARE, _NAMED_AFTER] + ([_LONE] if asked else [])
    for pattern in patterns:
        for match in pattern.finditer(text):
            span = _span(match)
            if any(a < span[1] and span[0] < b for a, b in taken):
                continue
            amount = _amount(match)
            if amount < (1 if pattern is _SIGNED or asked else 15):
                continue
            currency = _currency(match) or _currency_after(text[match.end() :])
            return Budget(amount=amount, currency=currency, per=_per(text, span)), [span]
    return None, []


def _span(match: "re.Match[str]") -> tuple[int, int]:
    for name in ("amount", "amount2", "amount3"):
        if match.groupdict().get(name):
            return match.span(name)
    return match.span()


def _amount(match: "re.Match[str]") -> float:
    groups = match.groupdict()
    text = groups.get("amount") or groups.get("amount2") or groups.get("amount3")
    if text is None:
        at = next(at for at in range(len(_WORDS)) if groups.get(f"w{at}"))
        return list(_WORDS.values())[at]
    unit = groups.get("thousand") or groups.get("thousand2") or groups.get("thousand3") or ""
    factor = 1_000_000 if re.match(r"\s?(?:millo|milli|mio)", unit) else 1_000 if unit else 1
    if re.fullmatch(r"\d{1,3}(?:[.,' ]\d{3})+", text):
        return float(re.sub(r"\D", "", text)) * factor
    return float(text.replace(",", ".")) * factor


def _currency(match: "re.Match[str]") -> str | None:
    for name, value in match.groupdict().items():
        if value and name[:3].upper() in _CODES and name[3:].isdigit():
            return name[:3].upper()
    return None


_FOLLOWS: Final = re.compile(rf"^\s?(?:{_CURRENCY.format(n=4)})")


def _currency_after(rest: str) -> str | None:
    match = _FOLLOWS.match(rest)
    return _currency(match) if match else None


def _per(text: str, span: tuple[int, int]) -> Per | None:
    """What is said near the amount: after it first, up to four words; else before it."""
    after = text[span[1] : span[1] + 45]
    before = text[max(0, span[0] - 30) : span[0]]
    if _EVERY_NIGHT.search(after) or _EVERY_NIGHT.search(before):
        return "person_night"
    found = [(match.start(), name) for pattern, name in _PERS if (match := pattern.search(after))]
    if found:
        return min(found)[1]
    for pattern, name in _PERS:
        if pattern.search(before):
            return name
    return None
