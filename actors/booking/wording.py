"""A booking's sentences in the words of whoever reads them: language, names, amounts, times."""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from babel.dates import format_datetime
from babel.numbers import format_currency

from actors.booking.steps import Sentence
from core.ports.repositories import User
from core.texts import language_of, translate
from protocol.booking import BookingView
from protocol.frames import Money
from protocol.money import exponent

NOBODY: Final = "…"


def said(sentence: Sentence, locale: str, *, names: Mapping[str, str], zone: tzinfo = UTC) -> str:
    """A sentence in the language of `locale`. `names`: of users, by id. Times are those of `zone`."""
    language = language_of(locale)
    params = {
        name: _worded(name, value, language, names, zone) for name, value in sentence.params.items()
    }
    text = translate(sentence.text, locale, params)
    if sentence.more is None:
        return text
    return f"{text} {said(sentence.more, locale, names=names, zone=zone)}"


def people_in(sentences: Iterable[Sentence]) -> set[str]:
    """The users whose names they need."""
    return {
        value
        for sentence in sentences
        for each in (sentence, sentence.more)
        if each is not None
        for name, value in each.params.items()
        if name.endswith("_user") and isinstance(value, str)
    }


def _worded(
    name: str, value: object, language: str, names: Mapping[str, str], zone: tzinfo
) -> object:
    """Params were stored as JSON: an amount may be a map by now."""
    if name.endswith("_user"):
        return names.get(str(value), NOBODY)
    if name.endswith("_money"):
        return _amount(msgspec.convert(_plain(value), Money), language)
    if name.endswith("_at") and isinstance(value, int):
        when = datetime.fromtimestamp(value / 1_000, zone)
        return format_datetime(when, "d MMM, HH:mm", tzinfo=zone, locale=language)
    if name.endswith("_local") and isinstance(value, str):
        return format_datetime(datetime.fromisoformat(value), "d MMM, HH:mm", locale=language)
    return value


def _plain(value: object) -> object:
    return msgspec.to_builtins(value) if isinstance(value, Money) else value


def _amount(money: Money, language: str) -> str:
    """To the last unit, also where amounts are customarily written without: people pay it."""
    exact = Decimal(money.amount).scaleb(-exponent(money.currency))
    return format_currency(exact, money.currency, locale=language, decimal_quantization=False)


def tzinfo_of(user: User | None) -> tzinfo:
    try:
        return ZoneInfo(user.time_zone) if user is not None else UTC
    except (ZoneInfoNotFoundError, ValueError):
        return UTC


def worded_view(
    shown: BookingView,
    options: Mapping[str, Sentence],
    locale: str,
    names: Mapping[str, str],
    zone: tzinfo,
) -> BookingView:
    """Its step and its open question, whose `options` are sentences by the option's id."""
    question = shown.question
    if question is not None:
        worded = [
            msgspec.structs.replace(
                option, text=said(options[option.id], locale, names=names, zone=zone)
            )
            for option in question.options
        ]
        question = msgspec.structs.replace(question, options=worded)
    return msgspec.structs.replace(shown, step=translate(shown.step, locale), question=question)
