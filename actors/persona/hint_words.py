"""The words of `hints.py`, in English, German, Spanish and French, folded: without accents, in lower
case (pure data). Each value is a regular expression between word boundaries.
"""

from typing import Final

ORDINALS: Final[dict[int | str, str]] = {
    0: r"(number|option|no) one|first(?! class)( one)?|1st|erste[rns]?(?! klasse)|primer[oa]?(?! clase)|premier|premiere(?! classe)|1er|1ere",
    1: r"(number|option|no) two|second( one)?|2nd|zweite[rns]?|segund[oa]|deuxieme|seconde|2eme",
    2: r"(number|option|no) three|third( one)?|3rd|dritte[rns]?|tercer[oa]?|troisieme|3eme",
    3: r"(number|option|no) four|fourth( one)?|4th|vierte[rns]?|cuart[oa]|quatrieme|4eme",
    4: r"(number|option|no) five|fifth( one)?|5th|funfte[rns]?|quint[oa]|cinquieme|5eme",
    "last": r"last one|the last|letzte[rns]?|(el|la) ultim[oa]|(le|la) dernier|derniere",
    "cheapest": r"cheapest( one)?|(?<!a )(?<!any )cheaper one|gunstigste[rns]?|billigste[rns]?|(el|la) mas barat[oa]"
    r"|(le|la) moins cher[e]?",
    "dearest": r"(most expensive|dearest|priciest)( one)?|teuerste[rns]?|(el|la) mas car[oa]|(le|la) plus chere?",
}
NUMBERED: Final = r"(?:#|\b(?:no|nr|number|option|nummer|numero|opcion)\.? ?)([1-9])\b"
BESIDE_A_PICK: Final = (
    r"the|this|that|a|ones?|no|please|pls|plz|option|number|hotel|flight|place|offer|ok|okay|hmm|um|well|then|and|so|maybe"
    r"|i|take|das|die|der|den|dem|bitte|flug|angebot|dann|vielleicht|ja|el|la|lo|los|las|por|favor|opcion|vuelo|oferta"
    r"|entonces|y|le|les|l|offre|vol|s|il|te|vous|plait|alors|et|euh|nimm|nehme|nehmen|wir|ich|quiero|me|quedo|con|prends|je|j|on|celui|celle|ci"
)
"""What may stand beside a pick in a message that only picks."""

NOT_PICKED: Final = (
    r"(?:(?:not|nicht|pas|anything but|except|besides|ausser|salvo|menos|sauf|(?:don'?t|do not|didn'?t) (?:really |even )?(?:like|want|love|fancy)"
    r"|dislike|hate|not (?:keen on|into|a fan of)) (?:the |that |this |das |die |der |den )?|no me (?:gusta|convence) (?:el |la )?"
    r"|je n'aime pas (?:le |la )?"
    r"|(?:no|salvo|menos|pas|sauf) (?:el |la |lo |le |l'))"
)
"""Before one that is turned down."""

NOT_THIS: Final = (
    r"(?:(?:no|nein|non|nah|please|bitte)\W+)?(?:not (?:that|this)(?: one)?|nicht (?:das|dieses?|den|die|der)(?: da| hier)?"
    r"|(?:ese|esa|este|esta) no|no (?:ese|esa|este|esta)|pas (?:celui|celle)(?:[- ](?:la|ci))?)"
)
"""The one that was talked of is turned down."""

THE_OTHER: Final = r"(?:the other(?: one)?|(?:das|der|die|den) andere[nrs]?|el otro|la otra|l'autre)(?=\W*(?:$|please|pls|bitte|por favor|svp|s'il))"
"""Not the one that was talked of."""

WHY: Final = (
    r"why (?:not )?(?:that|this|these|those|the|him|her|it|did you (?:pick|choose|suggest|recommend|show)|do you (?:suggest|recommend)|(?:them|there)\b|\?|$)"
    r"|how come|warum (?:nicht )?(?:das|dies|gerade|ausgerechnet|genau|der|die|den|dorthin)|wieso (?:das|dies|gerade|der|die|den)"
    r"|por que (?:no )?(?:es[eao]s?|est[eao]s?|el|la|los|las|ahi|alli)|pourquoi (?:pas )?(?:ce|cet|cette|celui|celle|ca|le|la|les|l'|la-bas)"
)
TERSE: Final = (
    r"again|only|just|show|me|us|see|give|got|any|some|more|options?|can|could|we|you|have|anything|something|what|about|how|but|or|too|it"
    r"|nur|bitte|zeig|mir|uns|noch|mal|was|mit|otra|vez|solo|muestrame|ensename|montre|moi|m|nous|encore|seulement|juste|en|de"
)
"""What may stand, beside `BESIDE_A_PICK`, in a message that only turns a search or picks."""

AGAIN: Final = (
    r"(?:which|what|who|where)\b.{1,40}\bagain\W*$|remind (?:me|us)(?! to\b)|which (?:ones? )?(?:was|were) (?:it|that|they|those|the)\b|what (?:was|were) the names?\b"
    r"|(?:say|show|tell|give|list|repeat|see)\b.{1,30}\b(?:again|once more)\W*$|(?:repeat|resend|recap) (?:it|that|them|those|the|your)\b"
    r"|what (?:did|had) you (?:show|shown|suggest|suggested|recommend|recommended|offer|offered|found|find)"
    r"|(?:welche[rsn]?|was|wie|wo)\b.{1,30}\b(?:nochmals?|noch ?mal|noch gleich)\b|erinner\w* (?:mich|uns)|wiederhol(?:e|st|en)?\b"
    r"|(?:zeig|sag|nenn|gib)\w* .{1,30}\b(?:nochmals?|noch ?mal)\W*$|was hattest du (?:gezeigt|vorgeschlagen|gefunden)"
    r"|(?:cual(?:es)?|que|como) (?:era|eran)\b|como se llama(?:ba|ban)\b|recuerda(?:me|nos)|(?:me|nos) recuerdas|repite(?:me|nos)?\b"
    r"|que (?:me |nos )?(?:ensenaste|mostraste|sugeriste|recomendaste|propusiste)"
    r"|c'etait (?:lequel|laquelle|lesquels|quoi)|(?:lequel|laquelle|quel|quelle|lesquels) (?:c'etait|etait|etaient)|rappelle[sz]?[- ](?:moi|nous)"
    r"|(?:tu peux |peux-tu )?(?:me |nous )?(?:redire|repeter|rappeler)\b|redis[- ](?:moi|nous)|comment (?:il |elle )?s'appelai(?:t|ent)"
)
"""What was shown, or talked of, is asked for once more."""

ALL_OF_THEM: Final = r"list|options|offers|ones|they|those|them|all|everything|liste|alle|die|lista|opciones|ofertas|todos|todas|eran|lesquel(?:le)?s|tous|toutes|etaient"
"""It is all of that."""

SHARES: Final[dict[str, str]] = {
    "person_night": r"pppn|per person,? (?:and |a |per |each )?night|(?:a|per) night,? (?:and |per |each )*(?:person|each)"
    r"|pro (?:person|kopf|nase) und nacht|pro nacht und (?:person|nase)|por persona y (?:por )?noche|por noche y (?:por )?persona"
    r"|par personne et (?:par )?nuit|par nuit et (?:par )?personne",
    "person": r"per (?:person|head|capita|traveller)|a head|each|pp|p\.p|pro (?:person|kopf|nase)|por (?:persona|cabeza)|cada un[oa]"
    r"|par (?:personne|tete)|chacune?",
    "night": r"(?:per|a|each) night|nightly|pro nacht|(?:por|la) noche|(?:par|la) nuit",
    "total": r"(?:in )?total|all ?together|overall|insgesamt|gesamt\w*|im ganzen|alles zusammen|en total|en todo|au total|en tout",
}
"""For what a price is asked."""

ATTRIBUTES: Final[dict[str, str]] = {
    "people": r"for (?:all|both|everyone|everybody|the (?:two|three|four|five|six|whole)|us (?:all|both))\b|fur (?:uns )?(?:alle|beide|jeden)\b"
    r"|para (?:tod[oa]s|l[oa]s (?:dos|tres|cuatro|cinco|seis)|ambos)\b|pour (?:tous|toutes|nous (?:tous|deux|trois)|tout le monde|les (?:deux|trois|quatre|cinq|six))\b",
    "price": r"price|cost|costs|how much|preis|kostet|kosten|wie ?viel|precio|cuesta|cuanto|prix|coute"
    r"|combien",
    "board": r"breakfast|half board|full board|all inclusive|meals?|fruhstuck|halbpension|vollpension"
    r"|verpflegung|desayuno|media pension|pension completa|comidas?|petit[ -]dej(euner)?|demi[ -]pension"
    r"|pension complete|repas",
    "bags": r"bags?|baggage|luggage|suitcases?|gepack|handgepack|koffer|maletas?|equipaje|bagages?"
    r"|valises?",
    "refund": r"refund(able|ed|s)?|cxl|cancell?ation|cancel (it|for free)|free cancell?ation|stornier(en|bar|ung)"
    r"|storno|erstatt(en|et|ung)|reembols(o|able)|cancelacion|cancelar gratis|rembours(able|ement)"
    r"|annul(ation|able)",
    "stars": r"stars?|sterne|estrellas?|etoiles?",
    "duration": r"how long|duration|flight time|wie lange|flugzeit|dauer[t]?|cuanto (dura|tarda)|duracion"
    r"|combien de temps|duree",
    "stops": r"stops?|layovers?|stopovers?|direct|non[ -]?stop|umstieg(e|en)?|umsteigen|zwischenstopps?"
    r"|direkt(flug)?|escalas?|directos?|escales?|correspondances?",
    "times": r"what time|when does (it|that)|departure|departs?|arriv(e|es|al)|landing|wann|abflug|ankunft"
    r"|a que hora|salida|llegada|quelle heure|depart|arrivee",
    "room": r"rooms?|beds?|zimmer|betten?|habitacion(es)?|camas?|chambres?|lits?",
    "seats": r"seats? left|how many seats|platze frei|asientos|places restantes",
    "surroundings": r"near(by)?|close (to|by)|far from|how far|walking distance|cent(er|re)|downtown|location|view"
    r"|nahe|in der nahe|weit (von|vom|weg|zum|zur)|wie weit|zentral|zentrum|innenstadt|lage|aussicht|(well[- ]|good |great )located|gut gelegen|bien (situad|ubicad)[oa]s?|bien (situe|place)e?s?|cerca|lejos"
    r"|centric[oa]|centro|ubicacion|vistas|pres d[eu']|proche|loin d[eu']|a quelle distance|centre[- ]ville|emplacement|vue",
    "amenities": r"lifts?|step[- ]free|disabled|vegan|vegetarian|halal|kosher|gluten[- ]?free|fahrstuhl|vegetarisch|koscher|glutenfrei"
    r"|vegan[oa]s?|vegetarian[oa]s?|sin gluten|discapacitad[oa]s?|vegane?s?|vegetarien(ne)?s?|casher|sans gluten|handicapes?|pools?|wi-?fi|internet|parking|gym|sauna|air ?con(ditioning|ditioned)?|balcony|kitchen|elevator"
    r"|pets?|dogs?|wheelchairs?|accessible|schwimmbad|wlan|parkplatz|klimaanlage|balkon|kuche|aufzug|haustiere?"
    r"|hunde?|rollstuhl|barrierefrei|piscina|aparcamiento|aire acondicionado|balcon|cocina|ascensor|mascotas?|perros?"
    r"|silla de ruedas|piscine|climatisation|cuisine|ascenseur|animaux|chiens?|fauteuil roulant",
}
DEEDS: Final[dict[str, str]] = {
    "book": r"book(s|ed|ing)?|reserv(e|ed|ing|ation)|buy|take (it|this|that|the|one|number|both|them)|(go|going) (for|with)"
    r"|(have|want|get) (it|this|that|the) ?(one)?|buch(e|en|ung|t)?|reservier(e|en|ung|t)?|kauf(e|en)?|nehm(e|en)?"
    r"|reserv(a|ar|amos|alo|ala|ame|o)|compr(a|ar|amos|o)|me (lo|la) quedo|quedamos|reserv(ez|er|ons)|achet(e|er|ez|ons)"
    r"|(je|on|nous) (le |la |les )?pren(d|ds|ons)",
    "pay": r"pay(s|ing|ment)?|paid|check ?out|(credit )?card|paypal|(be)?zahl(e|en|ung|t)?|kreditkarte|karte|pag(a|ar|o|amos)"
    r"|tarjeta|pa(ie|ye|yer|yez|yons|iement)|carte( bancaire)?",
    "cancel": r"cancel(s|led|ling|lation)?|call (it |that |this )?off|stornier(e|en|ung|t)?|storno|absag(e|en)|kundig(e|en)"
    r"|cancel(a|ar|o|alo|ala|acion)|anul(a|ar|o)|annul(e|er|ez|ons|ation)",
}
"""Words that name what is always confirmed."""

KINDS: Final[dict[str, str]] = {
    "search_flight": r"fl(y|ies|ying|ights?)|planes?|air ?fares?|flug|fluge|flieg(en|er)|vuelos?|volar|avion(es)?|vols?",
    "search_hotel": r"hotels?|hostels?|rooms?|beds?|stay|sleep|accommodation|zimmer|bett(en)?|unterkunft|schlafen|hoteles|hostal(es)?"
    r"|habitacion(es)?|camas?|alojamiento|dormir|chambres?|lits?|hebergement|logement|all inclusive",
}
"""Words that name what is sought."""

DEAR: Final = (
    r"(too|so|very|really|quite|pretty) (expensive|dear|pricey|steep)|(zu|ganz schon|ziemlich|sehr) teuer|(demasiado|muy) car[oa]s?"
    r"|(trop|tres|assez|un peu) chere?s?"
)
"""Of what lies there: that it costs too much."""

PRAISE: Final = (
    r"(?<!would )(?<!'d )(?<!id )(like|love|prefer) (the|that|this|number|option)|(look|sound|seem)s? (really |very |quite |so |pretty )?"
    r"(good|nice|great|lovely|perfect|fine|amazing|promising|best)|gefallt|gefallen|(sieht|klingt|hort sich) .{0,12}(gut|toll"
    r"|schon|super)|me (gusta|encanta)|(pinta|suena) (muy )?(bien|genial)|me plait|j'aime|(a l'air|semble) (tres )?(bien|bon|super|chouette)"
)
"""Of what lies there: that somebody likes it."""

BYE: Final = (
    r"(?:(?:ok(?:ay)?|alright|great|cool|gracias|danke|merci|thanks?(?: you| so much| a lot)?|and|und|y|et|cheers)[ ,.!]+)*"
    r"(?:good ?bye|bye(?:[ -]?bye)?|see (?:you|ya)(?: later| soon| tomorrow| around)?|good ?night|night night|cya|ttyl"
    r"|(?:talk|speak) (?:to you )?(?:later|soon|tomorrow)|tschuss|tschau|ciao|bis (?:dann|bald|spater|morgen)|gute nacht"
    r"|auf wiedersehen|adios|hasta (?:luego|pronto|manana)|chao|au revoir|a (?:bientot|plus(?: tard)?|demain)|bonne nuit)"
    r"(?:[ ,]+\w+){0,2}"
)

ELSEWHERE: Final = (
    r"where (should|shall|could|do) (we|i) go|somewhere|someplace|get(ting)? away|anything for (this|next|the) weekend|elsewhere|another (place|town|city|country)|irgendwo|woanders|anderswo|(wo|ort)anders hin"
    r"|algun (sitio|lugar)|(otro|a otro) (sitio|lugar)|en otra parte|quelque part|ailleurs|un autre (endroit|lieu)"
)
ROOMS: Final = (
    r"(?P<count>[2-9]|two|three|four|five|six|zwei|drei|vier|funf|sechs|dos|tres|cuatro|cinco|seis|deux|trois|quatre|cinq)"
    r" (?:(?:separate|double|single|twin|different|getrennte|chambres?) )?(?:rooms|(?:doppel|einzel)?zimmer|habitaciones|cuartos|chambres)\b"
)
ONE_WAY: Final = r"one[ -]way|no return|without (?:a )?return|nur hin(?:flug)?|einfache[rn]? (?:flug|strecke)|solo ida|sin vuelta|aller simple|(?:juste|que) l'aller|sans retour"
RETURN: Final = r"(?:round|return)[ -]?(?:trip|flights?|ticket)|with (?:a )?return|hin und (?:zu)?ruck|mit ruckflug|ida y vuelta|con vuelta|aller[ -]retour"
SHIFTED: Final[dict[str, str]] = {
    "later": r"too early|(?:leav|depart|tak)(?:e|es|ing|s)?(?: off)? (?:a (?:bit|little) )?later|(?:something|anything|one|bit|little|any|much) later|later (?:in the day|flights?|ones?|departures?|times?)"
    r"|zu fruh|was spater(?:es)?|spatere[rns]?|(?:demasiado|muy) (?:pronto|temprano)|mas tarde|trop tot|plus tard",
    "earlier": r"too late|(?:leav|depart|tak)(?:e|es|ing|s)?(?: off)? (?:a (?:bit|little) )?(?:earlier|sooner)|(?:something|anything|one|bit|little|any|much) (?:earlier|sooner)|earlier (?:in the day|flights?|ones?|departures?|times?)"
    r"|zu spat|was fruher(?:es)?|fruhere[rns]?|(?:demasiado|muy) tarde|mas (?:temprano|pronto)|trop tard|plus tot",
}
"""Than the flight that lies there."""

MOVED: Final = (
    r"(?P<count>the|der|el|le|an?|one|two|three|[1-9]|eine?n?|zwei|drei|una?|dos|tres|une|deux|trois) (?P<unit>days?|weeks?|tage?|wochen?"
    r"|dias?|semanas?|jours?|semaines?) (?:(?P<later>later|after|spater|danach|mas tarde|despues|siguiente|plus tard|d'apres|apres)"
    r"|earlier|sooner|before|fruher|vorher|davor|antes|anterior|plus tot|d'avant|avant)\b(?! (?:the|der|dem|el|la|le|my|our|de|del|des|du|tomorrow|yesterday|next|new|christmas)\b)"
)
_A_WHILE: Final = (
    r"(?P<count>an?|one|two|three|[1-9]|eine?n?|zwei|drei|una?|dos|tres|une|deux|trois) "
    r"(?P<unit>days?|weeks?|tage?|wochen?|dias?|semanas?|jours?|semaines?)\b"
)
PUT_OFF: Final = (
    r"(?:(?P<sooner>bring|advanc|adelant|avanc)|push|mov|shift|postpon|delay|retras|aplaz|pospon|decal|repouss)\w*"
    r"(?: (?:it|this|that|them|everything|all|the|our|trip|stay|dates|tout|le|la|les|el|las|lo|voyage|sejour|viaje|fechas|back|forward"
    rf"|(?P<earlier>up)))*(?: by| d| de| en)?[ ']{_A_WHILE}(?! (?:earlier|sooner|later|antes|mas|plus|avant|apres))"
)
PUT_OFF_DE: Final = rf"um {_A_WHILE}(?: nach (?:hinten|(?P<earlier>vorne)))? (?:(?:zu )?verschieb|(?P<sooner>vorverleg|vorzieh))"
"""By so many days or weeks, whole stays: "on décale d'une semaine"."""

LONGER: Final = (
    r"(?P<count>an?|one|two|three|[1-9]|eine?n?|zwei|drei|una?|dos|tres|une|deux|trois) (?:(?:(?P<more>more|extra|additional)|fewer|less) (?:night|day)s?"
    r"|(?:night|day|nacht|nachte|tag|tage|noche|dia|nuit|jour)s? (?:(?P<more2>more|longer|extra|mehr|langer|mas|de plus|en plus)|less|fewer|shorter"
    r"|weniger|kurzer|menos|de moins|en moins))\b(?! (?:than|als|que)\b)"
    r"|(?P<another>another|noch eine?n?|otr[oa]|encore une?) (?:night|day|nacht|tag|noche|dia|nuit|jour)\b"
)
"""Than the stay that is talked of."""

COUNTS: Final[dict[str, int]] = {
    word: count
    for count, words in enumerate(
        (
            "a an one ein eine einen un una une the der el le",
            "two zwei dos deux",
            "three drei tres trois",
            "four vier cuatro quatre",
            "five funf cinco cinq",
            "six sechs seis",
        ),
        1,
    )
    for word in words.split()
}
WEATHER: Final = (
    r"weather|how (hot|cold|warm) (is|will|does)|(?:is|will) it (?:be )?(?:very |too |really |still )?(?:cold|hot|warm|rainy|sunny|freezing)"
    r"|(?:ist|wird) es (?:da |dort |dann |sehr |noch )*(?:kalt|warm|heiss)|hace (?:mucho )?(?:frio|calor)|fait[- ]il (?:froid|chaud)|temperatures?|(does|will) it rain|wetter|temperatur(en)?"
    r"|regnet es|que tiempo|el tiempo (alli|en)|clima|temperaturas?|llueve|quel temps|la meteo|le climat|pleut[- ]il"
)
WEEKDAY: Final = (
    r"(mon|tues|wednes|thurs|fri|satur|sun)days?|mon|tues?|wed|thu(rs?)?|fri|sat|sun"
    r"|(montag|dienstag|mittwoch|donnerstag|freitag|samstag|sonnabend|sonntag)s?|lunes|martes|miercoles|jueves|viernes"
    r"|sabado|domingo|lundi|mardi|mercredi|jeudi|vendredi|samedi|dimanche"
)
NOT_A: Final = (
    r"(?:no|not|without|keine?[nmrs]?|nicht|ohne|sin|ningun[ao]?|non|sans|pas (?:de |d'|trop )?)"
    r"(?: ?(?:a|an|any|the|too|so|by|at|near|big|large|more|zu|am|an|im|ans|der|die|das|den|dem|grosse[nrs]?|demasiado|muy"
    r"|en|el|la|los|las|grandes?|trop|le|les|au|une?|des?)){0,2} ?"
)
"""Before what is not wished."""

WISHES: Final[dict[str, str]] = {
    "warm": r"warm(er|th|es|en)?|hot|sun|sunny|sunshine|sonne|sonnig(es)?|heiss|calor|calid[oa]"
    r"|caliente|calentit[oa]|sol|soleado|chaud|chaude|soleil|ensoleille",
    "cold": r"cold|snow|snowy|ski|skiing|kalt|schnee|skifahren|frio|nieve|esquiar|froid|neige|skier",
    "beach": r"beach(es)?|sea|seaside|coast(al)?|ocean|swim(ming)?|strand|strande|meer|kuste|baden|playas?"
    r"|mar|costa|plages?|mer|cote|baignade",
    "mountains": r"mountains?|ski(ing)?|skifahren|esquiar|skier|snowboard\w*|hik(e|es|ing)|alps|berge?|bergen|wandern|wanderung|montanas?|senderismo"
    r"|montagnes?|randonnees?",
    "city": r"old towns?|historic(al)? (cent(er|re)s?|towns?|cit(y|ies))|altstadte?n?|cascos? (antiguos?|historicos?)|vieilles? villes?|city break|cities|big city|nightlife|museums?|stadtereise|stadtetrip|grossstadt|museen"
    r"|ciudad|museos|escapada urbana|grande ville|musees?",
    "quiet": r"not (?:in )?(?:a |too )?(?:very )?(?:big|large|huge|busy) (?:cit(?:y|ies)|towns?|place)|(no|without|keine|ohne|sin|pas de|sans) (big |large |grossen? )?(cit(y|ies)|crowds?|(gross)?stadte?|ciudades"
    r"|multitudes|foules?|grandes? villes?)|quiet(er)?|less crowded|peaceful|calm|small town|village|ruhig(er|es|eres)?|dorf|kleinstadt|tranquil[oa]|pueblo"
    r"|calme|tranquille",
    "dry": r"dry|no rain|without rain|trocken|kein regen|ohne regen|sec[oa]|sin lluvia|sans pluie",
}
LIKES: Final[dict[str, str]] = {
    "somewhere with good food gastronomy wine restaurants": r"food|foodies?|culinary|cuisine|gastronomy|restaurants?|eat(ing)?( out)?|wine"
    r"|(gut(es|em|e)? |lecker(es)? |)essen( gehen)?|kulinarisch\w*|kuche|wein|gastronomia|(buena |la |)comida|(se )?come(r|mos)? (muy )?bien"
    r"|vino|gastronomi(e|co|ca|que)s?|gourmande?s?|schlemmen|genuss\w*|bonne (bouffe|table|cuisine)|mange(r)? (tres )?bien|bien manger|vin",
    "somewhere with nightlife bars clubs party": r"nightlife|party(ing)?|clubs?|clubbing|bars|hen (do|party|weekend|night)|stag (do|party|weekend)"
    r"|bachelor(ette)? (party|weekend)|nachtleben|feiern|jga|junggesell\w+abschied|vida nocturna|fiesta|despedida de solter[oa]s?"
    r"|vie nocturne|faire la fete|enterrement de vie de (jeune fille|garcon)|evjf|evg",
}
"""What a place should be like that no record proves, in the words by which the model of meanings finds it, and by which
people say it: short ones tell the model little, and it reads English."""

TWISTS: Final[dict[str, str]] = {
    "cheaper": r"cheaper|less expensive|(too|a (bit|little|tad)|bit|quite|very|pretty|rather|kinda|so|really) (expensive|dear|steep|much)|pricey|out of (my|our) budget|gunstiger"
    r"|billiger|(zu|ganz schon|ziemlich|recht|sehr) teuer|mas barat[oa]s?|demasiado car[oa]|muy car[oa]|moins cher[e]?s?|(trop|un peu|assez|plutot|tres) cher[e]?",
    "others": r"show (me|us) more|another (one|options?|choice|hotel|flight|offer|idea|place|suggestion|with|in|near|under|for less)"
    r"|another(?=( please| pls)?\W*$)|more (of them|results|choices|hotels|flights|places|ideas)|(any|some|show me|got)? ?(others?|more options|else)|different ones?|something else"
    r"|none of (them|these|those)|don'?t (like|want) any of|kein(e|er|es|s) (davon|von denen)|(no me gustan?|no quiero) ningun[oa]"
    r"|ningun[oa] me (gusta|convence)|aucune? (ne me plait|de ceux|de celles|d'entre)"
    r"|andere[srn]?|was anderes|mehr davon|otr[oa]s?|algo mas(?! \w)|mas opciones|too far|further away|zu weit|weiter weg|mas lejos|plus loin|(muy|demasiado) lejos|trop loin|d'autres?|autre chose"
    r"|was (hast du|gibt'?s|gibt es)( da| denn)?( sonst)? noch|noch (was|mehr|weitere[rsn]?)(?=\W*$)|que mas (tienes|hay|teneis)|algun[oa] mas"
    r"|noch (eins|eine[nrs]?)(?=( bitte)?\W*$)|une? autre(?=( s'il (te|vous) plait| svp)?\W*$)",
    "direct": r"direct|non[ -]?stop|(without|no) (a )?(stops?|stop[- ]?overs?|layovers?)|keine? (zwischen)?stopps?|direkt|ohne umstieg|direct[oa]s?|direkte[rns]?|sin escalas?"
    r"|sans escale",
    "shorter": r"shorter|quicker|faster|kurzer|schneller|mas (corto|rapido)|plus (court|rapide)",
    "better": r"better|nicer|more stars|besser|schoner|mejor(es)?|mas estrellas|meilleure?s?|mieux",
    "breakfast": r"(with|w/?) ?(a )?(breakfast|brekkie|brekky)|mit fruhstuck|con desayuno|avec (le |un )?petit[ -]dej(euner)?",
}
CABINS: Final[dict[str, str]] = {
    "premium_economy": r"premium[ -]eco(nomy)?|economy[ -]premium|turista premium|eco premium",
    "business": r"business[ -]?(class|klasse)|(in|fly(ing)?) business|business (please|pls|plz|bitte|por favor|porfa|svp)|clase (business|ejecutiva)|en business"
    r"|(classe|en) affaires",
    "first": r"first[ -]class|erste[nr]? klasse|primera clase|premiere classe",
    "economy": r"economy|eco class|(clase|en) turista|en eco(nomique)?|classe eco(nomique)?",
}
"""The first that fits counts."""

STYLES: Final[dict[str, str]] = {
    "adventure": r"adventur(e|ous)|surf(ing)?|div(e|ing)|climb(ing)?|rafting|trek(king)?|abenteuer|tauchen"
    r"|klettern|aventuras?|bucear|escalar|aventures?|plongee|escalade",
    "luxury": r"luxur(y|ious)|five[ -]star|5[ -]star|spa|suite|luxus|funf[ -]sterne|lujo|cinco estrellas|luxe"
    r"|cinq etoiles",
    "local": r"local|locals|off the beaten track|authentic|einheimisch\w*|geheimtipps?|autentic[oa]"
    r"|gente de alli|authentique|hors des sentiers battus",
    "budget": r"cheap|budget|hostels?|backpack(ing|er|ers)?|gunstig|billig|barat[oa]s?|mochiler[oa]s?|albergues?"
    r"|pas cher|petit budget|auberges? de jeunesse",
    "family": r"kids?|children|family|families|toddler|baby|kinder|familie|familienurlaub|ninos|familia|hijos"
    r"|enfants|famille|bebe",
    "foodie": r"food|foodie|restaurants?|eat(ing)?|wine|cuisine|essen gehen|kulinarisch\w*|wein|comer|comida"
    r"|gastronomia|vino|manger|gastronomie|vin",
    "culture": r"museums?|history|historic(al)?|art|architecture|theatre|museen|geschichte|kunst|architektur"
    r"|museos?|historia|arte|arquitectura|musees?|histoire",
}
NO: Final = (
    r"(no+|nope|nah|nay|no thanks?|no thank you|not now|don'?t|never ?mind|leave it|forget it|stop"
    r"|nein|ne+|no[e]+|lieber nicht|lass mal|lass es|doch nicht|no gracias|mejor no|dejalo|olvidalo|ni hablar"
    r"|non|non merci|laisse tomber|surtout pas|pas maintenant)"
)
AFTER_NO: Final = r"it|thanks?|thank you|danke|gracias|merci|please|bitte"
OPEN: Final = (
    r"(any|all|whatever|whichever) (airlines?|carriers?)|(jede|egal welche|alle) (airlines?|fluggesellschaft(en)?)|cualquier aerolinea"
    r"|n'importe quelle compagnie|anywhere|wherever|whenever|any ?time|don'?t (mind|care)|surprise (me|us)|you (choose|pick|decide)"
    r"|no idea|not sure|egal|irgendwo(hin)?|irgendwann|uberrasch mich|keine ahnung|donde sea|cuando sea"
    r"|me da igual|nos da igual|ni idea|sorprende?me|n'importe ou|n'importe quand|peu importe|aucune idee"
    r"|surprends[ -]moi"
)
