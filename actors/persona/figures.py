"""Figures in the way of a language: counts, amounts, durations, days and times, by Babel (pure)."""

from datetime import date, datetime
from decimal import Decimal

from babel import Locale
from babel.dates import format_date, format_time
from babel.numbers import format_currency, format_decimal

from actors.persona.phrases import Counted, DayPhrases, Phrases
from protocol.frames import Money
from protocol.money import decimal_text, exponent


def counted(number: int, forms: Counted) -> str:
    """`(1, ("1 night", "{n} nights"))` is "1 night"."""
    return forms[0] if number == 1 else forms[1].format(n=number)


def amount(money: Money, phrases: Phrases) -> str:
    """As the language writes it; no decimals where all of them are zeros, all of them elsewhere."""
    value = Decimal(decimal_text(money))
    digits = 0 if value == value.to_integral_value() else exponent(money.currency)
    locale = Locale.parse(phrases.money.locale)
    pattern = str(locale.currency_formats["standard"].pattern)
    zeros = f".{'0' * digits}" if digits else ""
    return format_currency(
        value,
        money.currency,
        pattern.replace(".00", zeros),
        locale=locale,
        currency_digits=False,
    )


def decimal_number(value: Decimal, phrases: Phrases) -> str:
    return format_decimal(value.normalize(), locale=phrases.money.locale)


def whole_number(value: int, phrases: Phrases) -> str:
    return format_decimal(value, locale=phrases.day.locale)


def duration(minutes: int, phrases: Phrases) -> str:
    hours, rest = divmod(minutes, 60)
    if not hours:
        return phrases.flight.minutes.format(m=rest)
    return phrases.flight.duration.format(h=hours, m=f"{rest:02}")


def clock(local: str, phrases: Phrases) -> str:
    return format_time(datetime.fromisoformat(local).time(), "short", locale=phrases.day.locale)


def day_of(day: date, phrases: DayPhrases, *, with_year: bool) -> str:
    form = phrases.with_year if with_year else phrases.day
    return first_of(format_date(day, form, locale=phrases.locale), day, phrases)


def in_month(month: int, phrases: Phrases) -> str:
    name = format_date(date(2000, month, 1), "LLLL", locale=phrases.day.locale)
    return phrases.day.in_month.format(month=name)


def first_of(text: str, day: date, phrases: DayPhrases) -> str:
    """French has a word of its own for the first of a month."""
    return phrases.first.format(day=text, rest=text[1:]) if day.day == 1 else text
