"""For whom a message is by how it is put, in four languages."""

from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from understanding_places import gazetteer

from inference.reader import ModelReader
from inference.understanding.dialogue import as_put, in_setting
from inference.understanding.intents import Scores
from inference.understanding.language import language_of
from inference.understanding.ngrams import load_ngrams
from inference.understanding.slots import marks_in
from inference.understanding.whom import Put, surely_put
from protocol.understanding import INTENTS, MEANT_FROM, Intent, Setting

HOTELS = Setting(people=4, shown="hotels", last="persona")
TALK = Setting(people=4, shown="hotels", last="human")


def put(text: str, setting: Setting = HOTELS) -> Put | None:
    marks = marks_in(text, setting, language=language_of(text), gazetteer=gazetteer())
    return surely_put(text, setting, marks)


@pytest.mark.parametrize("setting", [HOTELS, TALK])
@pytest.mark.parametrize(
    "text",
    [
        "what else have you got",
        "nah, anything else?",
        "Die sind alle ausgebucht, was hast du noch",
        "gibt's da noch andere?",
        "esos están completos, ¿qué más tienes?",
        "ils sont complets, t'as quoi d'autre",
        "il y en a d'autres ?",
    ],
)
def test_what_else_there_is_of_what_lies_there_is_asked_of_a_persona(
    text: str, setting: Setting
) -> None:
    assert put(text, setting) == Put("persona", "refine")
    assert put(text, Setting(people=4, last="human")) is None


@pytest.mark.parametrize(
    "text",
    [
        "I said Vienna, not Venice",
        "no, I meant Vienna",
        "Wien hab ich gesagt, nicht Berlin",
        "das hab ich jetzt schon zweimal gesagt, ohne Kinder",
        "nein, ich meinte Wien",
        "no no, te dije Málaga, no Marbella",
        "ya lo he dicho dos veces, sin niños",
        "mais non j'ai dit Lille pas Lyon",
        "je l'ai déjà dit deux fois, sans enfants",
        "wrong city",
        "falsches Datum!",
        "fecha equivocada",
        "c'est pas la bonne ville",
    ],
)
def test_who_was_misheard_tells_the_persona_that_spoke_before(text: str) -> None:
    assert put(text) == Put("persona", "complaint")
    assert put(text, TALK) is None


@pytest.mark.parametrize(
    "text",
    [
        "told you Rome would be cheaper",
        "I said I'd pay for Rome",
        "ich hab gesagt ich zahl Wien",
        "Tom, I said Vienna",
        "dije que pagaba yo Roma",
        "j'ai dit qu'on irait à Rome",
    ],
)
def test_what_was_said_to_people_is_no_correction(text: str) -> None:
    assert put(text) is None


@pytest.mark.parametrize(
    "text",
    [
        *("and in June?", "und im Juni?", "¿y en Roma?", "et en juin ?"),
        *("we have 500 each", "maximal 90 die Nacht", "tenemos 500 por cabeza", "90 la nuit max"),
        *("we're four", "wir sind nur noch 3", "somos cuatro", "on est quatre"),
        *("not before 9", "nicht vor 9 Uhr", "no antes de las 9", "pas avant 9h"),
    ],
)
def test_a_change_of_what_was_just_shown_is_told_to_who_showed_it(text: str) -> None:
    assert put(text) == Put("persona", "refine")
    assert put(text, TALK) is None


@pytest.mark.parametrize(
    "text", ["and for dinner?", "und zum Abendessen?", "¿y con niños?", "et pour dîner ?"]
)
def test_what_goes_with_what_was_just_shown_is_asked_of_who_showed_it(text: str) -> None:
    assert put(text) == Put("persona")
    assert put(text, TALK) is None


@pytest.mark.parametrize(
    "text",
    [
        "hast du auch was mit Pool?",
        "t'as un truc avec piscine ?",
        "¿tenéis algo más barato?",
        "can you show us something cheaper",
        "kannst du uns was Günstigeres zeigen",
        "Was empfehlen Sie uns für Mai?",
        "Könnten Sie uns bitte Hotels in Rom zeigen?",
        "¿Podría mostrarnos hoteles en Roma?",
        "Auriez-vous quelque chose de moins cher ?",
        "Que nous conseillez-vous pour mai ?",
    ],
)
def test_to_bring_something_is_asked_of_a_persona(text: str) -> None:
    for setting in HOTELS, TALK:
        assert put(text, setting) == Put("persona")


@pytest.mark.parametrize(
    "text",
    [
        "hast du Zimmer gebucht",
        "hast du noch Geld?",
        "got flights sorted, see you friday",
        "can you find out when your holidays are",
        "kannst du uns abholen",
        "können sie uns abholen",
        "and the dog?",
        "should we book now or wait?",
        "I said yes but Sophia hasn't",
        "No mum i meant the other june",
        "je l'ai déjà dit à maman, pas Lyon",
    ],
)
def test_what_is_said_to_people_in_like_words_is_left_to_a_model(text: str) -> None:
    assert put(text) is None


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        ("can we see flights on the Saturday as well", "persona"),
        ("let's see the hotels in Rome", "persona"),
        ("können wir Flüge am Samstag sehen", "persona"),
        ("podemos ver vuelos el sábado", "persona"),
        ("on peut voir des vols le samedi", "persona"),
        ("can we look at the hotels together tonight", None),
        ("können wir die Hotels heute Abend zusammen anschauen", None),
        ("can we see your photos", None),
    ],
)
def test_something_to_be_seen_is_asked_of_a_persona(text: str, whom: str | None) -> None:
    found = put(text, TALK)
    assert (found and found.whom) == whom


@pytest.mark.parametrize("setting", [HOTELS, TALK, Setting(people=2)])
@pytest.mark.parametrize(
    "text",
    [
        "I flew to Rome for 40 euros in May",
        "wir waren im März in Lissabon und es hat geregnet",
        "ich hab ein Hotel in Rom für 90 die Nacht gefunden",
        "estuvimos en Lisboa en marzo y llovió",
        "l'an dernier on a dormi dans un hôtel à Porto",
        "I've already booked my flight to Rome for 3 May",
        "ich hab meinen Flug nach Rom schon gebucht",
        "ya he reservado mi vuelo a Roma para el 3 de mayo",
        "j'ai déjà réservé mon vol pour Rome le 3 mai",
        "see you in Rome on Friday",
        "nos vemos el viernes en Roma",
        "on se voit vendredi à Rome",
        "Rome in August is hell",
        "Hotels in Paris sind eh winzig",
        "4 Sterne in Bulgarien sind halt keine 4 Sterne",
        "Roma en agosto es un infierno",
        "un 4 étoiles en Bulgarie c'est pas un vrai 4 étoiles",
        "nehmen wir das zweite?",
        "¿cogemos el segundo?",
        "on prend le deuxième ?",
        "shall we book the second one?",
        *("fancy Rome?", "habt ihr Lust auf Rom?", "¿os apetece Roma en mayo?", "ça te dit Rome ?"),
        "¿necesitáis habitación doble en Roma?",
        *("that AI is funny", "der Bot spinnt", "el bot no sirve para nada", "l'IA est drôle"),
        "meine Eltern fliegen am 3. Mai nach Malta",
        "Amsterdam c'est blindé de touristes maintenant",
        *(
            "20 sleeps til Ibiza!!",
            "Noch 3 Wochen bis Kroatien",
            "plus que 3 semaines avant la Corse",
        ),
        *("un lit double ça te va ?", "is a double room ok for you?", "geht das für dich?"),
    ],
)
def test_what_one_has_done_and_what_we_do_is_for_people(text: str, setting: Setting) -> None:
    assert put(text, setting) == Put("people")


@pytest.mark.parametrize(
    "text",
    [
        "we were in Rome last year, find something similar",
        "wir waren schon in Rom, lieber was anderes",
        "we were thinking of Rome in May",
        "we've booked flights to Rome, now hotels",
        "I booked the wrong hotel in Rome, cancel it",
        "Rome in May is fine",
        "Porto ist es",
        "hotels in Rome are too expensive",
        "is Rome in August hot?",
        "nehmen wir das zweite",
        "on prend le deuxième",
        "nos quedamos con el segundo",
        *("nos vemos", "Dieciséis más dos profes", "¿aceptáis bizum?"),
        "fancy hotels in Rome?",
        *("3 weeks to Croatia", "3 Wochen Kroatien", "nothing for you"),
        "en Cuba es época de huracanes o ya pasó",
        "wir sind in Rom vom 3. bis 5. Mai",
    ],
)
def test_what_may_be_a_wish_is_left_to_a_model(text: str) -> None:
    assert put(text) is None


@pytest.mark.parametrize(
    "text", ["ok you can book it", "alle einverstanden, kannst buchen", "puedes reservarlo", "tu peux réserver"]
)  # fmt: skip
def test_that_it_may_be_booked_is_told_a_persona(text: str) -> None:
    assert put(text, TALK) == Put("persona", "book")
    assert put(f"{text}?", TALK) is None
    assert put(text, Setting(people=4, last="human")) is None


@pytest.mark.parametrize("text", ["and you?", "und du?", "¿y tú?", "et toi ?"])
def test_who_is_asked_back_is_a_person_where_something_lies_there(text: str) -> None:
    assert put(text) == Put("people")
    assert put(text, Setting(people=4, last="persona")) is None


@pytest.mark.parametrize(
    "text",
    [
        "right flights done, just need a hotel by the beach now",
        "ok Flug haben wir, jetzt fehlt noch ein Hotel in der Nähe vom Strand",
        "vale vuelo tenemos, ahora falta hotel cerca de la playa",
        "ok le vol c'est bon, manque plus qu'un hôtel près de la plage",
    ],
)
def test_a_stay_that_is_missing_yet_is_for_a_persona_to_find(text: str) -> None:
    assert put(text, TALK) == Put("persona")
    assert put("jetzt fehlt noch Geld fürs Hotel", TALK) is None
    assert put("je manque d'argent pour l'hôtel", TALK) is None


@pytest.mark.parametrize(
    "text",
    [
        "you keep showing me the same ones",
        "du zeigst mir ja schon wieder dieselben",
        "me estás enseñando los mismos otra vez",
        "tu me remontres toujours les mêmes",
    ],
)
def test_who_shows_things_is_a_persona(text: str) -> None:
    assert put(text) == Put("persona")
    assert put(text, TALK) is None
    assert put("zeigst du mir deine Fotos") is None


def test_an_answer_and_who_is_alone_or_calls_a_persona_are_left_to_a_model() -> None:
    for setting in (
        Setting(people=1, shown="hotels", last="persona"),
        Setting(people=4, shown="hotels", addressed=True),
    ):
        assert put("what else have you got", setting) is None
    asked = Setting(people=4, asked="destination", last="persona")
    assert put("Rome in August is hell", asked) is None


@pytest.mark.parametrize(("whom", "is_meant"), [("persona", True), ("people", False), (None, True)])
def test_it_is_surer_than_a_model(
    whom: Literal["persona", "people"] | None, is_meant: bool
) -> None:
    other = 0.2 if whom == "persona" else 0.8
    chatter = INTENTS.index("human_chatter")
    intents = [other / (len(INTENTS) - 1)] * len(INTENTS)
    intents[chatter] = 1.0 - other
    said = Put(whom) if whom else None
    found = in_setting(Scores(tuple(intents), other), HOTELS, said)
    assert (found.addressed >= MEANT_FROM) == is_meant
    assert (max(found.intents) == found.intents[chatter]) != is_meant
    assert sum(found.intents) == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("intent", "put", "right"),
    [
        ("smalltalk", Put("persona", "refine"), "refine"),
        ("weather", Put("persona", "complaint"), "complaint"),
        ("refine", Put("persona", "complaint"), None),
        ("smalltalk", Put("persona"), None),
        ("smalltalk", None, None),
    ],
)
def test_a_model_that_knows_it_for_a_wish_is_believed(
    intent: Intent, put: Put | None, right: Intent | None
) -> None:
    found = as_put(intent, put)
    assert (found and found[0]) == right


def test_it_is_read_so() -> None:
    read = ModelReader([load_ngrams()], gazetteer())
    found = read.read_sync("und was hast du noch", HOTELS)
    assert (found.intent, found.addressed >= MEANT_FROM) == ("refine", True)
    found = read.read_sync("Roma en agosto es un infierno", HOTELS)
    assert (found.intent, found.addressed >= MEANT_FROM) == ("human_chatter", False)


@given(st.text(max_size=200))
def test_no_text_breaks_it(text: str) -> None:
    assert put(text) in (None, Put("people"), *(Put("persona", one) for one in (None, *INTENTS)))
