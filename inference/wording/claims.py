"""Words that may stand only inside the values of placeholders: numbers, money, shares, and claims about
what is offered. Closed lists, by language; what is not on them is judged by whoever writes templates or a corpus.

A claim is what somebody could hold against us: what something costs or includes, how good, near, warm or
sure it is, and that something was done. Articles that are also numbers ("ein", "un", "una") are not
here, for nothing could be written without them; nor is the French pound, which is also a book.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Final

from protocol.understanding import Language

_SUFFIXES: Final = ("", "mal", "te", "ten", "ter", "tes", "tel", "fach", "fache", "erlei")
_GERMAN_NUMBERS: Final = [
    "zwei",
    "drei",
    "vier",
    "fünf",
    "sechs",
    "sieben",
    "neun",
    "zehn",
    "elf",
    "zwölf",
    "dreizehn",
    "vierzehn",
    "fünfzehn",
    "sechzehn",
    "siebzehn",
    "achtzehn",
    "neunzehn",
]
_GERMAN_TENS: Final = [
    "zwanzig",
    "dreißig",
    "vierzig",
    "fünfzig",
    "sechzig",
    "siebzig",
    "achtzig",
    "neunzig",
]


def _words(*lists: str | Iterable[str]) -> frozenset[str]:
    found: set[str] = set()
    for one in lists:
        found.update(folded(word) for word in (one.split() if isinstance(one, str) else one))
    return frozenset(found)


def _compatible(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def folded(word: str) -> str:
    """How words are compared: without case, hyphens, apostrophes and marks that no letter of ours has ("f̶ree");
    but with accents, for French "sûr" and "sur" are two words."""
    plain = _compatible(word).casefold()
    return "".join(each for each in plain if each.isalnum())


NUMBERS: Final[Mapping[Language, frozenset[str]]] = {
    "en": _words(
        """zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen
        sixteen seventeen eighteen nineteen twenty thirty forty fifty sixty seventy eighty ninety
        hundred hundreds thousand thousands million millions billion dozen dozens half halves quarter
        billions trillion trillions both couple pair twice thrice double triple quadruple single twin
        second third fourth fifth sixth seventh eighth ninth tenth eleventh twelfth thirteenth
        fourteenth fifteenth sixteenth seventeenth eighteenth nineteenth twentieth thirtieth fortieth
        fiftieth sixtieth seventieth eightieth ninetieth hundredth thousandth thirds quarters fifths
        percent percentage per-cent cent"""
    ),
    "de": _words(
        "null eins zwo acht achtmal achte achter achtes achtel achtfach",
        [base + suffix for base in _GERMAN_NUMBERS for suffix in _SUFFIXES],
        [base + suffix for base in _GERMAN_TENS for suffix in ("", "ste", "sten", "ster", "mal")],
        [
            unit + "und" + tens
            for unit in ("ein", *_GERMAN_NUMBERS[:6], "acht", "neun")
            for tens in _GERMAN_TENS
        ],
        """dritte dritten dritter drittes drittel siebte siebten hundert hunderte hunderten tausend
        tausende tausenden million millionen milliarde milliarden billion billionen dutzend dutzende halb halbe halben
        halber halbes hälfte viertel beide beiden beides beider doppelt doppelte doppelten doppel paar
        prozent prozente""",
    ),
    "es": _words(
        """cero uno dos tres cuatro cinco seis siete ocho nueve diez once doce trece catorce quince
        dieciséis diecisiete dieciocho diecinueve veinte veintiuno veintidós veintitrés veinticuatro
        veinticinco veintiséis veintisiete veintiocho veintinueve treinta cuarenta cincuenta sesenta
        setenta ochenta noventa cien ciento cientos doscientos trescientos cuatrocientos quinientos
        seiscientos setecientos ochocientos novecientos mil miles millón millones docena docenas medio
        media mitad ambos ambas par pareja doble triple segundo segunda tercero tercera tercer cuarto
        cuarta quinto quinta sexto sexta séptimo séptima octavo octava noveno novena décimo décima decena
        decenas quincena veintena centena centenas centenar centenares millar millares tercio tercios
        porcentaje"""
    ),
    "fr": _words(
        """zéro deux trois quatre cinq six sept huit neuf dix onze douze treize quatorze quinze seize
        vingt trente quarante cinquante soixante cent cents centaine centaines mille milliers million
        millions milliard douzaine douzaines dizaine dizaines demi demie moitié double triple paire
        deuxième deuxièmes second seconde troisième quatrième cinquième sixième septième huitième
        neuvième dixième douzième quinzième vingtième centième millième quinzaine vingtaine trentaine
        milliards tiers quarts pourcent pourcentage"""
    ),
}
MONEY: Final[Mapping[Language, frozenset[str]]] = {
    "en": _words(
        """euro euros eur dollar dollars usd pound pounds gbp sterling cents penny pence pennies buck
        bucks quid franc francs chf yen yuan rupee rupees krona kronor krone kroner zloty lira
        peso pesos"""
    ),
    "de": _words(
        """euro euros eur dollar dollars usd pfund gbp cent cents franken chf yen yuan kronen krone
        zloty lira peso pesos rappen"""
    ),
    "es": _words(
        """euro euros eur dólar dólares usd libra libras gbp céntimo céntimos centavo centavos franco
        francos chf yen yenes peso pesos corona coronas zloty lira liras pavos"""
    ),
    "fr": _words(
        """euro euros eur dollar dollars usd sterling gbp centime centimes franc francs chf yen yens
        peso pesos couronne couronnes zloty"""
    ),
}
CLAIMS: Final[Mapping[Language, frozenset[str]]] = {
    "en": _words(
        """cheap cheaper cheapest cheaply inexpensive affordable bargain bargains steal deal deals
        discount discounts discounted sale promo promotion reduced expensive pricey costly pricier
        reasonable lowest highest best free freely gratis complimentary refundable non-refundable
        refund refunds refunded cancellable cancelable cancellation cancellations flexible included
        include includes including inclusive all-inclusive beachfront seafront oceanfront waterfront
        lakefront seaside beachside beach beaches sea-view ocean-view view views star stars starred
        five-star four-star top-rated rated rating ratings award awards award-winning michelin unesco
        breakfast breakfasts half-board full-board wifi wi-fi pool pools spa sauna gym parking balcony
        terrace kitchenette air-conditioned direct non-stop nonstop layover layovers stopover stopovers
        stop stops bag bags baggage luggage central centrally centre center downtown nearby walkable
        guarantee guarantees guaranteed available availability vacancy vacancies sold sold-out
        left selling fast fastest quickest shortest longest closest nearest sunny sunshine warm warmer
        warmest hot hotter hottest cold colder coldest cool cooler dry rainy rain rainfall mild snow
        snowy humid degrees safe safest safely clean spotless quiet quietest popular famous renowned
        new newest brand-new modern renovated organic vegan vegetarian halal kosher accessible
        wheelchair pet-friendly kid-friendly child-friendly family-friendly adults-only romantic
        authentic exclusive luxurious premium boutique historic spacious booked confirmed reserved
        paid purchased ticketed cancelled canceled"""
    ),
    "de": _words(
        """billig billige billigen billiger billigste billigsten günstig günstige günstigen günstiger
        günstigste günstigsten preiswert preiswerte preiswerten preisgünstig schnäppchen angebotspreis
        rabatt rabatte rabattiert reduziert ermäßigt teuer teure teuren teurer teuerste niedrigste
        niedrigsten höchste höchsten beste besten bester bestes kostenlos kostenlose kostenlosen
        kostenfrei kostenfreie gratis umsonst frei freie freien erstattbar erstattung erstattungen
        erstattet stornierbar stornierung stornierungen storniert flexibel flexible inklusive inkl
        inbegriffen enthalten enthält all-inclusive strandlage strandnah strand strände meerblick
        meerlage seeblick uferlage aussicht blick stern sterne sternen sterner bewertet bewertung
        bewertungen ausgezeichnet preisgekrönt michelin unesco frühstück halbpension vollpension wlan
        wifi pool pools spa sauna fitnessraum parkplatz balkon terrasse kochnische klimaanlage direkt
        direktflug nonstop umstieg umstiege zwischenstopp zwischenstopps stopp stopps gepäck
        handgepäck koffer zentral zentrale zentralen zentrum innenstadt fußläufig nähe garantie
        garantiert garantieren verfügbar verfügbare verfügbarkeit ausgebucht ausverkauft restplätze
        schnellste schnellsten kürzeste kürzesten nächstgelegene sonnig sonnige sonnigen sonne warm
        warme warmen wärmer wärmste heiß heiße heißen kalt kalte kalten kälter kühl trocken regen
        regnerisch mild milde milden schnee grad sicher sichere sicheren sauber ruhig ruhige ruhigen
        beliebt beliebte beliebten berühmt berühmte bekannt bekannte neu neue neuen neueste modern
        moderne modernen renoviert vegan vegetarisch halal koscher barrierefrei haustierfreundlich
        kinderfreundlich familienfreundlich romantisch romantische authentisch authentische exklusiv
        exklusive exklusiven luxuriös luxuriöse historisch historische geräumig gebucht bestätigt
        reserviert bezahlt gekauft"""
    ),
    "es": _words(
        """barato barata baratos baratas baratísimo económico económica económicos económicas ganga
        gangas chollo chollos oferta ofertas descuento descuentos rebaja rebajas rebajado rebajada
        asequible asequibles caro cara caros caras mejor mejores mínimo mínima máximo máxima gratis
        gratuito gratuita gratuitos gratuitas libre libres reembolsable reembolsables reembolso
        reembolsos cancelable cancelación cancelaciones flexible flexibles incluido incluida incluidos
        incluidas incluye incluyen incluyendo playa playas vista vistas estrella estrellas valorado
        valorada valoración valoraciones premiado premiada galardonado michelin unesco desayuno
        desayunos pensión wifi piscina piscinas spa sauna gimnasio aparcamiento balcón terraza
        climatizado directo directa directos escala escalas equipaje maleta maletas céntrico céntrica
        céntricos centro cerca cercano cercana cercanos garantía garantizado garantizada garantizar
        garantizo disponible disponibles disponibilidad agotado agotada quedan rápido rápida rápidos
        soleado soleada sol cálido cálida cálidos caliente calor frío fría fríos fresco fresca seco
        seca lluvia lluvioso lluviosa nieve grados templado seguro segura seguros limpio limpia
        tranquilo tranquila tranquilos popular populares famoso famosa famosos conocido conocida nuevo
        nueva nuevos nuevas moderno moderna renovado renovada vegano vegana vegetariano halal kosher
        accesible accesibles romántico romántica auténtico auténtica exclusivo exclusiva lujoso lujosa
        histórico histórica espacioso amplio reservado reservada confirmado confirmada pagado pagada
        comprado cancelado cancelada"""
    ),
    "fr": _words(
        """cher chère chers chères bon-marché abordable abordables économique économiques affaire
        affaires aubaine promo promotion promotions remise remises rabais réduction réductions soldé
        réduit réduits meilleur meilleure meilleurs meilleures minimum maximum gratuit gratuite
        gratuits gratuites gratuitement libre libres remboursable remboursables remboursement
        remboursements remboursé annulable annulables annulation annulations flexible flexibles
        compris comprise comprises inclus incluse inclut incluant plage plages vue vues étoile étoiles
        étoilé noté notée notés primé primée récompensé michelin unesco petit-déjeuner déjeuner
        demi-pension pension wifi piscine piscines spa sauna parking balcon terrasse kitchenette climatisé
        direct directe directs escale escales bagage bagages valise valises central centrale centre
        proche proches proximité garantie garanties garanti garantir garantis disponible disponibles
        disponibilité complet épuisé rapide rapides ensoleillé ensoleillée soleil chaud chaude chauds
        chaleur froid froide froids fraîche sec sèche pluie pluvieux neige degrés doux douce sûr
        sûre sûrs propres calme calmes tranquille tranquilles populaire populaires célèbre
        célèbres réputé réputée connu connue nouveau nouvelle nouveaux nouvelles moderne modernes
        rénové rénovée végan végétarien halal casher accessible accessibles romantique authentique
        authentiques exclusif exclusive luxueux luxueuse historique historiques spacieux réservé
        réservée confirmé confirmée payé payée acheté annulé annulée"""
    ),
}

FORBIDDEN: Final[Mapping[Language, frozenset[str]]] = {
    language: NUMBERS[language] | MONEY[language] | CLAIMS[language] for language in NUMBERS
}
WORDS_KNOWN: Final = 8_192
"""Judgements kept: the words of all templates, or of a model's vocabulary."""

_SIGNS: Final = re.compile(r"[%‰‱٪°]")


@lru_cache(maxsize=WORDS_KNOWN)
def is_forbidden_word(word: str, language: Language) -> bool:
    """Whether a word (letters, hyphens, apostrophes) may not stand outside a value. Of one with hyphens
    or apostrophes no part may be forbidden either, and no letter stand for a number."""
    forbidden = FORBIDDEN[language]
    if folded(word) in forbidden or any(map(is_forbidden_character, word)):
        return True
    parts = re.split(r"[-'’‑]", word)
    return len(parts) > 1 and any(folded(part) in forbidden for part in parts)


@lru_cache(maxsize=512)
def is_forbidden_character(character: str) -> bool:
    """Digits of any script, letters and signs that stand for numbers, signs that stand for letters ("ⓕ"), currency
    and per cent signs."""
    return (
        character.isnumeric()
        or unicodedata.category(character) in ("Sc", "Nd", "Nl", "No")
        or _SIGNS.match(character) is not None
        or (not character.isalnum() and any(map(str.isalnum, _compatible(character))))
    )
