"""What people wrote, and when it is said."""

import json
import unicodedata
from pathlib import Path
from typing import get_args

import pytest

from actors.persona.fixed_texts import TEXTS, fixed_text, notice
from actors.persona.fixed_words import RULES, Notice, Spoken, Topic
from actors.persona.hints import MOST_READ

DEVELOPMENT = Path(__file__).parents[3] / "data" / "messages" / "development"


@pytest.mark.parametrize(
    ("message", "topic", "language"),
    [
        ("please call an ambulance!!", "emergency", "en"),
        ("wie ist die Notrufnummer?", "emergency", "de"),
        ("mi mujer respira mal", "emergency", "es"),
        ("¿cuál es el número de emergencias?", "emergency", "es"),
        ("au secours, mon mari fait un malaise", "emergency", "fr"),
        ("c'est quoi le numéro des urgences ?", "emergency", "fr"),
        ("und Visum?", "visa", "de"),
        ("necesito visa para Estados Unidos?", "visa", "es"),
        ("und malaria?", "health", "de"),
        ("y vacunas?", "health", "es"),
        ("et des vaccins ?", "health", "fr"),
        ("ist es da sicher?", "safety", "de"),
        ("es seguro miami?", "safety", "es"),
        ("c'est dangereux ?", "safety", "fr"),
        ("Du bist doof", "abuse", "de"),
        ("eres tonto", "abuse", "es"),
        ("t'es nul", "abuse", "fr"),
        ("I think my dad is having a heart attack", "emergency", "en"),
        ("we've been robbed", "emergency", "en"),
        ("sometimes I just want to die", "emergency", "en"),
        ("someone is bleeding, we had an accident", "emergency", "en"),
        ("help! there's a fire in our hotel", "emergency", "en"),
        ("wir hatten einen Unfall", "emergency", "de"),
        ("hemos tenido un accidente", "emergency", "es"),
        ("on a eu un accident", "emergency", "fr"),
        ("I have chest pain and I'm alone in the hotel", "emergency", "en"),
        ("should I call a doctor?", "emergency", "en"),
        ("my dad just collapsed", "emergency", "en"),
        ("I think he's having a stroke", "emergency", "en"),
        ("ich habe Schmerzen in der Brust", "emergency", "de"),
        ("me duele, tengo dolor en el pecho", "emergency", "es"),
        ("j'ai mal à la poitrine", "emergency", "fr"),
        ("my wallet and passport were stolen in Barcelona", "lost", "en"),
        ("our bag, phone and keys are gone", "lost", "en"),
        ("mein Pass und mein Geldbeutel sind weg", "lost", "de"),
        ("je me suis fait voler mon passeport", "lost", "fr"),
        ("je me suis fait voler !", "emergency", "fr"),
        ("my passport was stolen, help", "lost", "en"),
        ("I lost my wallet!!", "lost", "en"),
        ("Mein Pass wurde gestohlen!", "lost", "de"),
        ("wir haben unsere Pässe verloren", "lost", "de"),
        ("me han robado el pasaporte, ayuda", "lost", "es"),
        ("on m'a volé mon passeport, aidez-moi", "lost", "fr"),
        ("سُرق جواز سفري", "lost", "ar"),
        ("is it safe to travel to mexico?", "safety", "en"),
        ("is egypt safe for tourists", "safety", "en"),
        ("is peru safe?", "safety", "en"),
        ("is it safe there", "safety", "en"),
        ("gibt es eine Reisewarnung für Mali?", "safety", "de"),
        ("¿es seguro viajar a Colombia?", "safety", "es"),
        ("est-ce dangereux d'aller au Mexique ?", "safety", "fr"),
        ("هل السفر إلى مصر آمن؟", "safety", "ar"),
        ("I have a fever after mosquito bites, what should I take?", "health", "en"),
        ("Ruft die Polizei, ich wurde überfallen", "emergency", "de"),
        ("mi hijo no respira", "emergency", "es"),
        ("appelez les secours", "emergency", "fr"),
        ("أحتاج سيارة إسعاف", "emergency", "ar"),
        ("are you a real person?", "human", "en"),
        ("what do you remember about me?", "memory", "en"),
        ("please delete everything about my data, delete my data", "memory", "en"),
        ("Was weißt du über mich?", "memory", "de"),
        ("¿qué sabes de mí?", "memory", "es"),
        ("qu'est-ce que tu sais sur moi ?", "memory", "fr"),
        ("ماذا تعرف عني؟", "memory", "ar"),
        ("Am I talking to a bot", "human", "en"),
        ("bist du ein Mensch?", "human", "de"),
        ("¿eres un robot?", "human", "es"),
        ("tu es une vraie personne ?", "human", "fr"),
        ("هل أنت إنسان؟", "human", "ar"),
        ("do we need a visa for vietnam", "visa", "en"),
        ("Brauche ich ein Visum?", "visa", "de"),
        ("¿hace falta visado?", "visa", "es"),
        ("faut-il un visa", "visa", "fr"),
        ("هل أحتاج تأشيرة؟", "visa", "ar"),
        ("what vaccines do I get for kenya", "health", "en"),
        ("welche Impfungen brauchen wir", "health", "de"),
        ("¿qué vacunas necesito?", "health", "es"),
        ("il faut quels vaccins", "health", "fr"),
        ("can I sue the airline", "legal", "en"),
        ("meine Rechte bei Verspätung", "legal", "de"),
        ("quiero un abogado", "legal", "es"),
        ("mes droits si le vol est annulé", "legal", "fr"),
        ("you are useless", "abuse", "en"),
        ("halt die Fresse", "abuse", "de"),
        ("vete a la mierda", "abuse", "es"),
        ("ta gueule", "abuse", "fr"),
    ],
)
def test_what_no_model_should_answer_is_answered_by_people(
    message: str, topic: Topic, language: Spoken
) -> None:
    fixed = fixed_text(message)
    assert fixed is not None
    assert (fixed.topic, fixed.language) == (topic, language)
    assert fixed.text == TEXTS[language][topic]


def test_who_is_in_need_may_say_so_after_a_long_story() -> None:
    story = "we had such a lovely day at the beach and then it began to rain a little. " * 60
    for length in (0, MOST_READ - 10, MOST_READ + 300, len(story)):
        fixed = fixed_text(f"{story[:length]} please call an ambulance!!")
        assert fixed is not None
        assert fixed.topic == "emergency"


@pytest.mark.parametrize(
    "message",
    [
        "can i pay with my visa card",
        "take it off the visa",
        "a seat by the emergency exit",
        "toast with avocado",
        "un hotel con personas amables",
        "is this hotel real or a scam",
        "healthy food near the beach",
        "are you sure about the price?",
        "yes please cancel, my visa got rejected",
        "human-sized portions please",
        "lost in translation was filmed in tokyo",
        "a hotel with a safe in the room",
        "is it safe to say that the second is cheaper?",
        "my bag is 20 kg, is that included?",
        "steal of a price",
        "a flight by accident",
        "",
    ],
)
def test_the_rules_are_narrow(message: str) -> None:
    assert fixed_text(message) is None


def test_of_the_messages_that_judge_understanding_hardly_any_is_taken_for_one() -> None:
    """At most one in a hundred, and none that is about travelling."""
    lines = [
        json.loads(line)
        for path in sorted(DEVELOPMENT.glob("*.jsonl"))
        for line in path.read_text().splitlines()
    ]
    taken = [line for line in lines if fixed_text(line["text"])]
    assert len(taken) <= len(lines) / 100
    assert {line["intent"] for line in taken} <= {"out_of_scope", "human_chatter", "smalltalk"}


def test_every_topic_speaks_five_languages_and_nothing_strange() -> None:
    assert set(RULES) == set(get_args(Topic))
    assert all(set(rules) == set(get_args(Spoken)) for rules in RULES.values())
    assert set(TEXTS) == set(get_args(Spoken))
    for texts in TEXTS.values():
        assert set(texts) == {*get_args(Topic), *get_args(Notice)}
        for text in texts.values():
            assert 40 <= len(text) <= 500
            assert all(unicodedata.category(character)[0] != "C" for character in text)


@pytest.mark.parametrize("which", get_args(Notice))
def test_a_notice_is_in_the_reader_s_language_or_in_english(which: Notice) -> None:
    assert notice(which, "de-AT") == TEXTS["de"][which]
    assert notice(which, "ar") == TEXTS["ar"][which]
    assert notice(which, "ja") == TEXTS["en"][which]
