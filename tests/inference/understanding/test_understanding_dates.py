"""When: what four languages say of days, counted from Tuesday 2026-11-24."""

from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inference.understanding import when
from inference.understanding.dates import dates_in
from inference.understanding.folding import fold
from inference.understanding.periods import easter
from inference.understanding.slots import MAX_LETTERS
from inference.understanding.when import next_day
from protocol.understanding import Dates, Language

TODAY = date(2026, 11, 24)


def said(text: str, language: Language = "en", **options: Any) -> Dates | None:
    return dates_in(fold(text), today=TODAY, language=language, **options)[0]


def days(start: str, end: str | None = None, **rest: Any) -> Dates:
    return Dates(from_=start, to=end, **rest)


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("tomorrow", days("2026-11-25")),
        ("the day after tomorrow", days("2026-11-26")),
        ("tonight pls", days("2026-11-24")),
        ("this weekend", days("2026-11-27", "2026-11-29")),
        ("digs this wkend", days("2026-11-27", "2026-11-29")),
        ("rome nxt w/e", days("2026-12-04", "2026-12-06")),
        ("this w/end", days("2026-11-27", "2026-11-29")),
        ("nxt fri", days("2026-12-04")),
        ("fri-sun", days("2026-11-27", "2026-11-29")),
        ("nxt wk", days("2026-11-30", "2026-12-06")),
        ("tmrw", days("2026-11-25")),
        ("tmw nite", days("2026-11-25")),
        ("tomoz", days("2026-11-25")),
        ("2mrw", days("2026-11-25")),
        ("next weekend?", days("2026-12-04", "2026-12-06")),
        ("on friday", days("2026-11-27")),
        ("next friday", days("2026-12-04")),
        ("friday to sunday", days("2026-11-27", "2026-11-29")),
        ("leaving thursday back sunday", days("2026-11-26", "2026-11-29")),
        ("next week", days("2026-11-30", "2026-12-06")),
        ("in 3 weeks", days("2026-12-15")),
        ("2 weeks from today for 5 days", days("2026-12-08", nights=5)),
        ("three days from now", days("2026-11-27")),
        ("from 3 to 7 may", days("2027-05-03", "2027-05-07")),
        ("May 3rd - 7th", days("2027-05-03", "2027-05-07")),
        ("28 dec to 3 jan", days("2026-12-28", "2027-01-03")),
        ("12/3 - 15/3", days("2027-03-12", "2027-03-15")),
        ("2027-02-01 until 2027-02-05", days("2027-02-01", "2027-02-05")),
        ("on the 5th, back on the 12th", days("2026-12-05", "2026-12-12")),
        ("august 14, 4 nights", days("2027-08-14", nights=4)),
        ("in early march for a week", Dates(month="2027-03", nights=7)),
        ("next month", Dates(month="2026-12")),
        ("2 weeks in june 2028", Dates(month="2028-06", nights=14)),
        ("a fortnight in july", Dates(month="2027-07", nights=14)),
        ("this winter", Dates(season="2026-winter")),
        ("in the summer", Dates(season="2027-summer")),
        ("over xmas", Dates(holiday="christmas-2026")),
        ("for new years", Dates(holiday="new-year-2026")),
        ("easter", Dates(holiday="easter-2027")),
        ("a long weekend in may", Dates(month="2027-05", nights=2)),
        ("i may go in may", Dates(month="2027-05")),
        ("weekend of the 14th of march", days("2027-03-12", "2027-03-14")),
        ("the weekend after next", days("2026-12-11", "2026-12-13")),
    ],
)
def test_english_days(text: str, right: Dates) -> None:
    assert said(text) == right


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("de", "nächstes Wochenende", days("2026-12-04", "2026-12-06")),
        ("de", "nächstes WE in wien", days("2026-12-04", "2026-12-06")),
        ("de", "dieses we", days("2026-11-27", "2026-11-29")),
        ("fr", "ce we", days("2026-11-27", "2026-11-29")),
        ("de", "vom 3. bis 10. Februar", days("2027-02-03", "2027-02-10")),
        ("de", "3.-7.5.", days("2027-05-03", "2027-05-07")),
        ("de", "morgen, 2 Nächte", days("2026-11-25", nights=2)),
        ("de", "übermorgen", days("2026-11-26")),
        ("de", "Anfang März", Dates(month="2027-03")),
        ("de", "an Silvester", Dates(holiday="new-year-2026")),
        ("de", "im Herbst", Dates(season="2027-autumn")),
        ("es", "del 3 al 10 de enero", days("2027-01-03", "2027-01-10")),
        ("es", "el finde que viene", days("2026-12-04", "2026-12-06")),
        ("es", "mañana por la mañana", days("2026-11-25")),
        ("es", "en Semana Santa", Dates(holiday="easter-2027")),
        ("es", "el 3 de abril, vuelta el 8", days("2027-04-03", "2027-04-08")),
        ("es", "el 3 de abril, regreso el 9", days("2027-04-03", "2027-04-09")),
        ("es", "una semana en agosto", Dates(month="2027-08", nights=7)),
        ("fr", "du 3 au 10 février", days("2027-02-03", "2027-02-10")),
        ("fr", "le week-end prochain", days("2026-12-04", "2026-12-06")),
        ("fr", "après-demain", days("2026-11-26")),
        ("fr", "cet été", Dates(season="2027-summer")),
        ("fr", "à Noël, 5 nuits", Dates(holiday="christmas-2026", nights=5)),
        ("de", "vom dritten bis zehnten Februar", days("2027-02-03", "2027-02-10")),
        ("de", "am dritten März", days("2027-03-03")),
        ("es", "del once al quince de mayo", days("2027-05-11", "2027-05-15")),
        ("fr", "du trois au dix février", days("2027-02-03", "2027-02-10")),
        ("fr", "le dix mars", days("2027-03-10")),
        ("de", "am dritten April, zurück am achten", days("2027-04-03", "2027-04-08")),
        ("es", "el tres de abril, vuelta el ocho", days("2027-04-03", "2027-04-08")),
        ("fr", "le trois avril, retour le huit", days("2027-04-03", "2027-04-08")),
        ("de", "vom 3. auf den 4. März", days("2027-03-03", "2027-03-04")),
        ("de", "fr-mo nächste Woche", days("2026-12-04", "2026-12-07")),
        ("es", "vie-dom", days("2026-11-27", "2026-11-29")),
        ("fr", "ven-lun", days("2026-11-27", "2026-11-30")),
        ("de", "vom 4. bis 7.", days("2026-12-04", "2026-12-07")),
        ("es", "desde Madrid, del 3 al 10", days("2026-12-03", "2026-12-10")),
        ("fr", "du 4 au 7", days("2026-12-04", "2026-12-07")),
        ("de", "Mitte Februar", Dates(month="2027-02", part="mid")),
        ("es", "a mediados de febrero", Dates(month="2027-02", part="mid")),
        ("fr", "mi-février", Dates(month="2027-02", part="mid")),
        ("en", "mid march", Dates(month="2027-03", part="mid")),
        ("en", "the first weekend of june", days("2027-06-04", "2027-06-06")),
        ("de", "letztes Wochenende im Mai", days("2027-05-28", "2027-05-30")),
        ("en", "the second week of june", Dates(month="2027-06", part="second")),
        (
            "de",
            "dritte Woche im Juni",
            Dates(month="2027-06", part="third"),
        ),
        ("es", "la última semana de mayo", Dates(month="2027-05", part="late")),
        ("fr", "fin mars", Dates(month="2027-03", part="late")),
        ("de", "Ende März", Dates(month="2027-03", part="late")),
    ],
)
def test_days_in_other_languages(language: Language, text: str, right: Dates) -> None:
    assert said(text, language) == right


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("en", "from the fifth of may to the ninth", days("2027-05-05", "2027-05-09")),
        ("en", "june twenty-second, back june twenty fifth", days("2027-06-22", "2027-06-25")),
        ("en", "may the fifth", days("2027-05-05")),
        ("en", "december thirty-first", days("2026-12-31")),
        ("en", "back on the fifth", Dates(to="2026-12-05")),
        ("en", "compare it to the second", None),
        ("en", "until the third one", None),
        ("en", "3 may to 7", days("2027-05-03", "2027-05-07")),
        ("en", "3 may to 7 people", days("2027-05-03")),
        ("de", "vom 3. mai bis 7.", days("2027-05-03", "2027-05-07")),
        ("es", "del 3 de mayo al 7", days("2027-05-03", "2027-05-07")),
        ("es", "el treinta y uno de diciembre", days("2026-12-31")),
        ("fr", "le vingt-deux juin", days("2027-06-22")),
        ("fr", "le vingt et un juin", days("2027-06-21")),
    ],
)
def test_days_in_words_and_ends_without_a_month(
    language: Language, text: str, right: Dates | None
) -> None:
    assert said(text, language) == right


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("en", "not april, march", Dates(month="2027-03")),
        ("en", "april no, march", Dates(month="2027-03")),
        ("en", "rather than in april, in may", Dates(month="2027-05")),
        ("en", "not friday, saturday", days("2026-11-28")),
        ("en", "can't do friday but saturday works", days("2026-11-28")),
        ("en", "3 may, not 5 may", days("2027-05-03")),
        ("en", "anytime but not christmas", None),
        ("en", "why not in april?", Dates(month="2027-04")),
        ("en", "not before 5 may", Dates(to="2027-05-05")),
        ("en", "no, in april", Dates(month="2027-04")),
        ("de", "nicht im April, sondern im März", Dates(month="2027-03")),
        ("de", "im April nicht, im Mai", Dates(month="2027-05")),
        ("de", "im April nicht zu teuer", Dates(month="2027-04")),
        ("en", "July doesn't work for me", None),
        ("en", "in July I can't, June?", Dates(month="2027-06")),
        ("en", "we're busy in May", None),
        ("en", "in July we're four", Dates(month="2027-07")),
        ("de", "im Juli kann ich nicht", None),
        ("de", "Juli geht bei mir nicht, lieber Juni", Dates(month="2027-06")),
        ("de", "an Ostern sind wir weg", None),
        ("de", "im Juli kann ich", Dates(month="2027-07")),
        ("es", "julio me viene mal", None),
        ("es", "en semana santa no estamos", None),
        ("es", "julio me viene bien", Dates(month="2027-07")),
        ("fr", "en juillet je peux pas", None),
        ("fr", "juillet c'est mort pour moi", None),
        ("fr", "à Pâques on est pas là", None),
        ("fr", "en juillet on peut", Dates(month="2027-07")),
        ("es", "no en abril sino en marzo", Dates(month="2027-03")),
        ("es", "no puedo el viernes, el sábado", days("2026-11-28")),
        ("es", "¿por qué no en abril?", Dates(month="2027-04")),
        ("fr", "pas en avril mais en mars", Dates(month="2027-03")),
        ("fr", "pourquoi pas en avril ?", Dates(month="2027-04")),
    ],
)
def test_what_is_said_not_to_be_is_no_time(
    language: Language, text: str, right: Dates | None
) -> None:
    assert said(text, language) == right


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("en", "we may need more"),
        ("en", "the first or the 3rd one"),
        ("en", "under 500 each"),
        ("en", "black friday deals"),
        ("en", "christmas markets"),
        ("en", "every friday"),
        ("en", "how many days"),
        ("en", "the whole weekend"),
        ("en", "shall we wait another week"),
        ("de", "finde ich auch"),
        ("fr", "à sept heures"),
        ("en", "100 a night"),
        ("en", "spring rolls"),
        ("de", "guten Morgen"),
        ("de", "am Morgen"),
        ("fr", "j'ai été là"),
        ("en", "second may be better"),
        ("de", "so so"),
        ("es", "los dos mar y sol"),
    ],
)
def test_what_is_no_day(language: Language, text: str) -> None:
    assert said(text, language) is None


def test_the_answer_to_when_may_be_a_bare_month() -> None:
    assert said("march", asked=True) == Dates(month="2027-03")
    assert said("may", asked=True) == Dates(month="2027-05")


def test_the_answer_to_when_may_be_bare_days() -> None:
    assert said("5-12", asked=True) == days("2026-12-05", "2026-12-12")
    assert said("28 to 3", asked=True) == days("2026-11-28", "2026-12-03")
    assert said("5-12") is None


@pytest.mark.parametrize(
    ("language", "text", "right"),
    [
        ("en", "from the 4th to the 7th", days("2027-03-04", "2027-03-07")),
        ("de", "und erst ab dem 4.", days("2027-03-04")),
        ("es", "perdón, del 4 al 7", days("2027-03-04", "2027-03-07")),
        ("fr", "pardon, du 4 au 7", days("2027-03-04", "2027-03-07")),
    ],
)
def test_a_day_without_a_month_is_of_the_month_that_is_talked_of(
    language: Language, text: str, right: Dates
) -> None:
    assert said(text, language, around=date(2027, 3, 3)) == right


def test_a_day_that_is_over_in_the_month_that_is_talked_of_is_of_the_next() -> None:
    assert said("on the 5th", around=date(2026, 11, 28)) == days("2026-12-05")


def test_a_day_that_does_not_exist_is_none() -> None:
    assert next_day(TODAY, 2, 30) is None
    assert said("30 february") == Dates(month="2027-02")


def test_easter_is_when_almanacs_have_it() -> None:
    assert [easter(year).isoformat() for year in (2024, 2026, 2027, 2038)] == [
        "2024-03-31",
        "2026-04-05",
        "2027-03-28",
        "2038-04-25",
    ]


@given(st.text(max_size=120), st.sampled_from(("en", "de", "es", "fr")), st.dates(date(2024, 1, 1)))
def test_no_text_breaks_it_and_days_are_in_order(text: str, language: Any, today: date) -> None:
    if today.year > 9_000:
        return
    found, taken = dates_in(fold(text), today=today, language=language)
    if found is not None and found.from_ and found.to:
        assert found.from_ <= found.to
    assert all(0 <= start < end <= len(text) for start, end in taken)


@pytest.mark.parametrize(
    ("language", "text", "end"),
    [
        ("en", "can we stay until the 15th instead?", "2027-04-15"),
        ("en", "till the 12th", "2027-04-12"),
        ("en", "until the third", "2027-05-03"),
        ("en", "back the 9th", "2027-05-09"),
        ("de", "bis zum 15.", "2027-04-15"),
        ("de", "bis zum 3.", "2027-05-03"),
        ("es", "hasta el día 15", "2027-04-15"),
    ],
)
def test_an_end_is_after_the_beginning_that_is_talked_of(
    language: Language, text: str, end: str
) -> None:
    assert said(text, language, around=date(2027, 4, 10)) == Dates(to=end)


@pytest.mark.parametrize("text", ["may ", "1/2 ", "monday ", "5 june "])
def test_the_work_grows_with_the_text_and_not_with_its_square(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at = 0

    class Counted:
        def search(self, before: str) -> None:
            nonlocal looked_at
            looked_at += len(before)

    monkeypatch.setattr(when, "_NOT_BEFORE", Counted())
    said((text * MAX_LETTERS)[:MAX_LETTERS])
    assert 0 < looked_at <= 40 * MAX_LETTERS


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("can you do 16 to 23 instead?", "en"),
        ("make it 16-23", "en"),
        ("change the dates to 16-23 please", "en"),
        ("from 16 to 23 then", "en"),
        ("lieber 16. bis 23.", "de"),
        ("cambia las fechas al 16 al 23", "es"),
        ("plutot le 16 au 23", "fr"),
    ],
)
def test_other_days_are_of_the_month_that_is_talked_of(text: str, language: Language) -> None:
    right = days("2027-06-16", "2027-06-23")
    assert said(text, language, around=date(2027, 6, 14)) == right


@pytest.mark.parametrize(
    "text", ["make it 2 to 4 people", "from 10 to 20 euros", "make it 4 and 7", "from 2 to 4"]
)
def test_two_numbers_are_no_days_for_that(text: str) -> None:
    around = None if text == "from 2 to 4" else date(2027, 6, 14)
    assert said(text, around=around) is None
