"""The reader: rules, a model, the dialogue; and what it does when a model fails or is not there."""

import threading
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import pytest
import trio
from hypothesis import given, settings
from hypothesis import strategies as st
from no_headroom import NoHeadroom
from trio.testing import MockClock
from understanding_places import gazetteer

from core.headroom import Work
from inference.reader import AT_ONCE, ModelReader
from inference.understanding.dialogue import in_setting
from inference.understanding.intents import Mark, Scores
from inference.understanding.slots import LETTERS_OF_A_WORD, MAX_LETTERS, beginning
from protocol.understanding import (
    INTENTS,
    MEANT_FROM,
    Intent,
    Language,
    Question,
    Setting,
    Understanding,
)

ALL: frozenset[Language] = frozenset(("en", "de", "es", "fr"))


def likely(intent: Intent, share: float = 0.8, addressed: float = 0.9) -> Scores:
    rest = (1.0 - share) / (len(INTENTS) - 1)
    return Scores(tuple(share if name == intent else rest for name in INTENTS), addressed)


@dataclass
class FixedModel:
    """Says the same of everything."""

    says: Scores
    languages: frozenset[Language] = ALL
    name: Literal["encoder", "ngrams"] = "encoder"
    version: str = "fixed"
    marks: Sequence[Mark] = ()

    def scores(self, text: str, setting: Setting, *, marks: Sequence[Mark] = ()) -> Scores:
        self.marks = marks
        return self.says


class BrokenModel(FixedModel):
    def scores(self, text: str, setting: Setting, *, marks: Sequence[Mark] = ()) -> Scores:
        raise RuntimeError


def reader(*models: FixedModel, **options: Any) -> ModelReader:
    return ModelReader(models, gazetteer(), **options)


def test_what_is_said_comes_from_rules_and_what_is_meant_from_the_model() -> None:
    model = FixedModel(likely("search_hotel"))
    read = reader(model).read_sync("2 nights in lisbon, under 90 a night", Setting())
    assert (read.intent, read.reader, read.language) == ("search_hotel", "encoder", "en")
    assert [place.name for place in read.slots.destination] == ["Lisbon"]
    assert read.slots.dates is not None
    assert read.slots.budget is not None
    assert {mark.slot for mark in model.marks} == {"dates", "destination", "budget"}


def test_what_does_not_tell_is_in_the_writer_s_own_language() -> None:
    model = FixedModel(likely("cancel"))
    own = Setting(language="es")
    assert reader(model).read_sync("no", own).language == "es"
    assert reader(model).read_sync("Porto", own).language == "es"
    assert reader(model).read_sync("what is the weather in Porto", own).language == "en"


LANGUAGES = ("en", "de", "es", "fr")
LONE = (
    *("mallorca!!", "jein", "vale", "ok merci", "ok danke", "tomorrow", "croissants", "mdr"),
    *("München", "Málaga 😍", "Bad Ischl", "Den Haag", "El Nido", "Álvaro", "Camille"),
    *("La Casa del Mar", "Hotel Los Arcos", "Le Petit Jardin"),
)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("text", LONE)
def test_a_lone_word_or_a_name_changes_no_language_of_a_talk(text: str, language: Language) -> None:
    setting = Setting(language=language, is_in_talk=True)
    assert reader(FixedModel(likely("refine"))).read_sync(text, setting).language == language


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize(
    ("right", "text"),
    [
        ("en", "show me something cheaper"),
        ("de", "wo ist das Hotel"),
        ("de", "Gibt es Zimmer am Strand?"),
        ("es", "Hola, busco vuelos a Roma"),
        ("es", "MÁS BARATO POR FAVOR"),
        ("fr", "le premier est trop cher"),
        ("fr", "merci, on prend l'hôtel à Nice"),
    ],
)
def test_a_clear_sentence_changes_it(right: Language, text: str, language: Language) -> None:
    setting = Setting(language=language, is_in_talk=True)
    assert reader(FixedModel(likely("refine"))).read_sync(text, setting).language == right


@pytest.mark.parametrize(("right", "text"), [("es", "hola"), ("fr", "bonjour"), ("de", "Flüge?")])
def test_a_word_tells_the_language_of_who_has_said_nothing_before(
    right: Language, text: str
) -> None:
    assert reader(FixedModel(likely("greet"))).read_sync(text, Setting()).language == right


def test_the_next_model_reads_languages_that_the_first_is_not_good_enough_for() -> None:
    first = FixedModel(likely("greet"), languages=frozenset(("en",)))
    second = FixedModel(likely("weather"), name="ngrams")
    both = reader(first, second)
    assert both.read_sync("hello there you", Setting()).reader == "encoder"
    assert both.read_sync("wie wird das wetter morgen", Setting()).reader == "ngrams"


def test_a_model_that_raises_is_counted_and_the_next_one_reads() -> None:
    both = reader(BrokenModel(likely("greet")), FixedModel(likely("weather"), name="ngrams"))
    assert both.read_sync("is it warm there", Setting()).intent == "weather"
    assert both.statistics() == {"read": 1, "failed": 1, "late": 0}


class SlowModel(FixedModel):
    """Until it is let go."""

    def scores(self, text: str, setting: Setting, *, marks: Sequence[Mark] = ()) -> Scores:
        go_on.wait()
        return self.says


go_on = threading.Event()


@pytest.fixture
def slow() -> Iterator[SlowModel]:
    go_on.clear()
    yield SlowModel(likely("search_hotel"))
    go_on.set()


async def test_what_the_models_have_no_time_for_is_read_by_n_grams_in_time(
    slow: SlowModel, autojump_clock: MockClock
) -> None:
    quick = FixedModel(likely("search_hotel"), name="ngrams")
    both, readings = reader(slow, quick), list[Understanding]()

    async def read() -> None:
        readings.append(await both.read("two nights in lisbon", Setting()))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(read)
    assert trio.current_time() == pytest.approx(0.08)
    assert {one.reader for one in readings} == {"ngrams"}
    assert [place.name for one in readings for place in one.slots.destination] == ["Lisbon"] * 20
    assert both.statistics() == {"read": 20, "failed": 0, "late": 20}


async def test_what_there_is_no_headroom_for_is_read_by_n_grams_at_once(
    slow: SlowModel, autojump_clock: MockClock
) -> None:
    ngrams = FixedModel(likely("greet"), name="ngrams")
    both = reader(slow, ngrams, headroom=NoHeadroom(Work.READING))
    asked_at = trio.current_time()
    assert (await both.read("hotel in Porto", Setting())).reader == "ngrams"
    assert trio.current_time() == asked_at
    assert both.statistics()["late"] == 0


async def test_what_is_read_at_once_is_no_longer_than_what_people_write() -> None:
    """The loop waits for it."""
    at_once = reader(headroom=NoHeadroom(Work.READING))
    long = "a word " * (AT_ONCE // 7 + 1)
    assert (await at_once.read(f"flights to Porto, {long}", Setting())).slots.destination
    assert not (await at_once.read(f"{long} flights to Porto", Setting())).slots.destination
    assert reader().read_sync(f"{long} flights to Porto", Setting()).slots.destination


def test_of_a_text_of_single_letters_no_more_words_are_read_than_people_write() -> None:
    assert beginning("a " * MAX_LETTERS) == "a " * (MAX_LETTERS // LETTERS_OF_A_WORD)
    prose = "we would like to go somewhere warm with a beach, " * 40
    assert beginning(prose) == prose[:MAX_LETTERS]


async def test_and_without_n_grams_by_rules(slow: SlowModel, autojump_clock: MockClock) -> None:
    read = await reader(slow).read("lisbon to rome tomorrow", Setting(addressed=True))
    assert (read.reader, read.intent) == ("rules", "search_flight")


def test_rules_alone_read_with_little_confidence() -> None:
    read = reader().read_sync("lisbon to rome tomorrow", Setting(people=3, addressed=True))
    assert (read.reader, read.intent) == ("rules", "search_flight")
    assert read.confidence < 0.4
    assert [place.name for place in read.slots.origin] == ["Lisbon"]


def test_a_language_that_is_off_is_read_and_said_to_be() -> None:
    some = reader(FixedModel(likely("weather")), off=frozenset[Language](("de",)))
    assert not some.read_sync("wie wird das wetter morgen", Setting()).is_supported
    assert some.read_sync("how is the weather tomorrow", Setting()).is_supported


@pytest.mark.parametrize(
    ("asked", "text", "right"),
    [
        ("confirm_book", "yes please", "book"),
        ("confirm_book", "ja", "book"),
        ("confirm_pay", "ok do it", "pay"),
        ("confirm_cancel", "sí", "cancel"),
        ("confirm_book", "no wait", "cancel"),
        ("dates", "early march", "refine"),
        ("origin", "porto", "refine"),
        ("destination", "rome or lisbon", "refine"),
        ("budget", "600", "refine"),
        ("party", "2 adults and a baby", "refine"),
        ("which", "the second one", "refine"),
    ],
)
def test_a_bare_answer_is_what_was_asked_for_whatever_a_model_says(
    asked: Question, text: str, right: Intent
) -> None:
    chatter = reader(FixedModel(likely("human_chatter", addressed=0.1)))
    read = chatter.read_sync(text, Setting(people=4, asked=asked, shown="hotels", last="persona"))
    assert read.intent == right
    assert read.confidence > 0.8
    assert read.addressed > 0.8


@pytest.mark.parametrize(
    "text",
    ["in august I'm in Rome", "im August bin ich in Rom", "en agosto estoy en Roma", "à Pâques je suis chez ma mère", "ich bin vom 5. bis 12. auf Kur in Köln"],
)  # fmt: skip
def test_to_be_elsewhere_on_a_day_is_no_answer_when_to_travel(text: str) -> None:
    setting = Setting(people=3, asked="dates", last="persona")
    model = FixedModel(likely("human_chatter", addressed=0.2))
    assert reader(model).read_sync(text, setting).intent == "human_chatter"
    assert reader(model).read_sync("in august", setting).intent == "refine"


def test_whoever_surely_talks_to_people_answers_no_persona() -> None:
    """What was asked is talked over too: "sunday's the grandkids' rugby" is no date to travel on."""
    text, asked = "sunday's the grandkids' rugby", Setting(people=4, asked="dates", last="human")
    sure = reader(FixedModel(likely("human_chatter", 0.999, addressed=0.001)))
    assert sure.read_sync(text, asked).addressed < 0.01
    unsure = reader(FixedModel(likely("human_chatter", 0.95, addressed=0.05)))
    assert unsure.read_sync(text, asked).addressed > 0.8
    alone = Setting(people=1, asked="dates", last="persona")
    assert sure.read_sync(text, alone).addressed > 0.8
    called = Setting(people=4, addressed=True, asked="dates", last="persona")
    assert sure.read_sync(text, called).addressed > 0.8


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("confirm_book", "yes but how far is it from the beach and is there parking"),
        ("dates", "is march any good there?"),
        ("which", "which one has a pool?"),
        ("confirm_cancel", "no keep it"),
    ],
)
def test_more_than_a_bare_answer_is_for_the_model(asked: Question, text: str) -> None:
    read = reader(FixedModel(likely("ask_detail"))).read_sync(text, Setting(people=3, asked=asked))
    assert read.intent == "ask_detail"


def test_who_is_alone_with_a_persona_chats_with_nobody_else() -> None:
    alone = reader(FixedModel(likely("human_chatter", 0.7, addressed=0.2)))
    read = alone.read_sync("somewhere nice", Setting(people=1))
    assert read.intent != "human_chatter"
    assert read.addressed > 0.9


def test_two_opinions_on_who_is_meant_become_one() -> None:
    group = Setting(people=3)
    sure = in_setting(likely("search_hotel", addressed=0.9), group).addressed
    torn = in_setting(likely("human_chatter", 0.6, addressed=0.9), group).addressed
    assert sure > torn > in_setting(likely("human_chatter", 0.6, addressed=0.4), group).addressed


@pytest.mark.parametrize("intent", ["search_hotel", "human_chatter"])
@pytest.mark.parametrize("addressed", [0.1, 0.3, 0.5, 0.7, 0.9])
def test_what_is_meant_for_a_persona_is_no_chatter_and_what_is_not_is(
    intent: Intent, addressed: float
) -> None:
    both = in_setting(likely(intent, 0.6, addressed=addressed), Setting(people=3))
    assert sum(both.intents) == pytest.approx(1.0)
    is_chatter = both.of("human_chatter") == max(both.intents)
    assert is_chatter == (both.addressed < MEANT_FROM)


def test_a_question_to_somebody_is_no_choice_among_what_was_shown() -> None:
    chatter = reader(FixedModel(likely("human_chatter", addressed=0.1)))
    setting = Setting(people=4, asked="which", shown="hotels", last="persona")
    for text in ("which one do you want", "mum the second one", "la deuxième maman"):
        assert chatter.read_sync(text, setting).addressed < MEANT_FROM, text
    assert chatter.read_sync("the second one", setting).addressed > 0.8


@pytest.mark.parametrize("wrong", ["greet", "complaint", "thanks"])
def test_days_or_a_place_alone_are_a_wish_and_no_greeting(wrong: Intent) -> None:
    some = reader(FixedModel(likely(wrong, 0.6)))
    read = some.read_sync("this wkend", Setting())
    assert read.slots.dates is not None
    assert read.intent == "ask_destination"
    later = some.read_sync("this wkend", Setting(shown="hotels", last="persona"))
    assert (later.intent, later.slots) == ("refine", read.slots)
    assert some.read_sync("thanks for friday", Setting()).intent == wrong
    together = reader(FixedModel(likely("human_chatter", addressed=0.1)))
    assert together.read_sync("this wkend", Setting(people=3)).intent == "human_chatter"


def test_days_alone_answer_whatever_was_asked_and_name_no_weather() -> None:
    weak = reader(FixedModel(likely("refine", 0.55)))
    asked = Setting(asked="origin", last="persona")
    assert weak.read_sync("friday to monday", asked).confidence > 0.8
    assert weak.read_sync("friday to monday", Setting()).confidence < 0.6
    weather = reader(FixedModel(likely("weather", 0.9)))
    assert weather.read_sync("new year in prague", Setting()).intent == "ask_destination"
    assert weather.read_sync("in prague?", Setting()).intent == "weather"
    assert weather.read_sync("weather prague", Setting()).intent == "weather"


def test_what_is_in_none_of_the_languages_is_said_to_be() -> None:
    sure, weak = (reader(FixedModel(likely("search_hotel", share))) for share in (0.9, 0.3))
    for text in ("أريد فندق", "привет, хочу в отпуск", "ホテルを探しています"):
        assert not sure.read_sync(text, Setting()).is_supported, text
    polish = "szukam czegoś ciepłego z dziećmi nad morzem"
    assert not weak.read_sync(polish, Setting()).is_supported
    assert weak.read_sync("hotl w pool", Setting()).is_supported
    assert weak.read_sync("hotel paris maj", Setting()).is_supported
    assert sure.read_sync("ein Zimmer in 東京 bitte", Setting()).is_supported


def test_a_neighbour_s_language_is_not_read_as_the_nearest_of_the_four() -> None:
    sure = reader(FixedModel(likely("search_hotel")))
    for text in (
        "cerco un albergo a Roma per due persone",
        "ik zoek een hotel in Rome voor twee personen",
        "procuro um hotel em Roma para duas pessoas",
        "szukam hotelu w Rzymie dla dwóch osób",
    ):
        read = sure.read_sync(text, Setting())
        assert (read.is_supported, read.language) == (False, "en"), text


def test_a_hotel_elsewhere_is_no_choice_among_what_was_shown() -> None:
    some = reader(FixedModel(likely("search_hotel", 0.95)))
    setting = Setting(asked="which", shown="places", last="persona")
    assert some.read_sync("hotel in berlin 3-5 march", setting).intent == "search_hotel"
    assert some.read_sync("the 2nd one", setting).intent == "refine"


@pytest.mark.parametrize(
    "text", ["ok ciao", "tschüss, bis bald", "adiós", "au revoir !", "bye", "hasta luego"]
)
def test_a_goodbye_is_no_small_talk_and_no_greeting(text: str) -> None:
    for wrong in ("smalltalk", "greet"):
        said = reader(FixedModel(likely(wrong)))
        assert said.read_sync(text, Setting(last="persona")).intent == "thanks"
    # Ciao is a hello too: as the first word in a room.
    assert reader(FixedModel(likely("greet"))).read_sync("ciao", Setting()).intent == "greet"
    chatter = reader(FixedModel(likely("human_chatter", addressed=0.1)))
    assert chatter.read_sync(text, Setting(people=2, last="human")).intent == "human_chatter"


@pytest.mark.parametrize(
    "text",
    ["cancelación gratis", "kostenlos stornierbar", "annulation gratuite", "free cancellation pls"],
)
def test_what_can_be_cancelled_is_a_wish_and_cancels_nothing(text: str) -> None:
    cancels = reader(FixedModel(likely("cancel")))
    assert cancels.read_sync(text, Setting(shown="hotels")).intent == "refine"
    assert cancels.read_sync("cancel it", Setting(shown="hotels")).intent == "cancel"


def test_a_small_towns_name_alone_is_a_place_to_who_is_alone_with_a_persona() -> None:
    some = reader(FixedModel(likely("greet", 0.5)))
    read = some.read_sync("Dingle", Setting())
    assert [place.name for place in read.slots.destination] == ["Dingle"]
    assert read.intent == "ask_destination"
    assert some.read_sync("hola", Setting()).intent == "greet"
    assert some.read_sync("Dingle", Setting(people=3)).slots.destination == ()


def test_chatter_says_no_slots() -> None:
    read = reader(FixedModel(likely("human_chatter"))).read_sync(
        "we were in lisbon in may", Setting(people=3)
    )
    assert read.slots.destination == ()
    assert read.slots.dates is None


@settings(deadline=None)
@given(st.text(max_size=300), st.sampled_from((None, "which", "dates", "confirm_pay")))
def test_no_text_is_refused(text: str, asked: Any) -> None:
    read = reader(FixedModel(likely("refine"))).read_sync(text, Setting(people=2, asked=asked))
    assert 0.0 <= read.addressed <= 1.0
    assert 0.0 <= read.confidence <= 1.0
    assert read.second is None or read.second[0] != read.intent
