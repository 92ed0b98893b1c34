"""What was said, is asked, or was decided, as words for the placeholders of `protocol/wording.py` (pure).

What offers and places say is `facts_of_items`.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from decimal import ROUND_HALF_UP, Decimal
from typing import Final, Literal

from babel.numbers import format_percent

from actors.persona.figures import amount, counted, day_of, decimal_number, first_of, in_month
from actors.persona.line import Together
from actors.persona.phrases import Holiday, Phrases, Season
from actors.persona.spoken import MAX_NAME, PHRASES, Atlas, name_of_country, name_of_place
from protocol.frames import Money
from protocol.money import exponent
from protocol.travel import Offer, Party, Place
from protocol.understanding import (
    Budget,
    Dates,
    Intent,
    Language,
    PartySaid,
    PlaceMention,
    Question,
    Shown,
)
from protocol.wording import MAX_LISTED, cleaned

FLAT_BELOW: Final = 0.01
"""A change of prices that is none."""

YEAR_SAID_AFTER: Final = 300
"""Days ahead of today from which a day is told with its year."""


def places_said(
    mentions: Sequence[PlaceMention], language: Language, *, atlas: Atlas
) -> str | None:
    """`destination` or `origin`: "Rome or Lisbon", "San José (Costa Rica)" where another may have been meant; None:
    none was said."""
    names = [_mentioned(mention, language, atlas) for mention in mentions[:MAX_LISTED]]
    names = [name for name in dict.fromkeys(names) if name]
    if not names:
        return None
    phrases = PHRASES[language]
    *first, last = names
    either = phrases.either_before_o if last[0] in "OoÓó" else phrases.either
    return f"{', '.join(first)} {either} {last}" if first else last


def days(start: date, end: date | None, language: Language, *, today: date) -> str:
    """`dates`, once they are fixed: both days, with the year where they are far ahead."""
    phrases = PHRASES[language].day
    with_year = (start - today).days > YEAR_SAID_AFTER
    if end is None or end == start:
        return phrases.on.format(day=day_of(start, phrases, with_year=with_year))
    is_same_month = (start.year, start.month) == (end.year, end.month)
    first = (
        first_of(str(start.day), start, phrases)
        if is_same_month
        else day_of(start, phrases, with_year=with_year and start.year != end.year)
    )
    form = phrases.between_in_month if is_same_month else phrases.between
    return form.format(start=first, end=day_of(end, phrases, with_year=with_year))


def dates_said(dates: Dates, language: Language, *, today: date) -> str | None:
    """`dates`, as they were said; None: nothing of it was."""
    phrases = PHRASES[language]
    parts = [_when(dates, phrases, language, today)]
    if dates.nights is not None and dates.to is None:
        nights = counted(dates.nights, phrases.nights)
        parts.append(phrases.day.lasting.format(nights=nights))
    return " ".join(part for part in parts if part) or None


def party(who: Party, language: Language, *, assumed_age: int | None = None) -> str:
    """`assumed_age`: what was taken for children whose ages were not said."""
    phrases = PHRASES[language].party
    children = len(who.children_ages)
    text = _who(who.adults, children, PHRASES[language])
    if assumed_age is not None and children:
        text = phrases.ages.format(who=text, age=assumed_age)
    return phrases.with_preposition.format(who=text)


def party_said(who: PartySaid, language: Language) -> str | None:
    """None: nothing was said."""
    phrases = PHRASES[language]
    text = _who(who.adults or 0, who.children or 0, phrases)
    return phrases.party.with_preposition.format(who=text) if text else None


def budget_said(budget: Budget, language: Language) -> str:
    """The amount as it was said; without a currency, just the number."""
    phrases = PHRASES[language]
    said = Decimal(str(budget.amount))
    if budget.currency is None:
        price = decimal_number(said, phrases)
    else:
        minor = said.scaleb(exponent(budget.currency))
        rounded = int(minor.to_integral_value(ROUND_HALF_UP))
        price = amount(Money(amount=rounded, currency=budget.currency), phrases)
    if budget.per is not None:
        price = phrases.money.per[budget.per].format(price=price)
    return phrases.money.up_to.format(price=price)


def unheld(budget: Budget | None, offers: Sequence[Offer], language: Language) -> str | None:
    """A sentence where a budget judges none of the prices that stand beside it, being in another currency:
    there are no rates here. It names no amount. None: it was held against all of them."""
    if budget is None or budget.currency is None:
        return None
    prices = (offer.source.total.currency for offer in offers)
    others = sorted({currency for currency in prices if currency != budget.currency})
    if not others:
        return None
    phrases = PHRASES[language]
    return phrases.money.unheld.format(currency=f" {phrases.both} ".join(others))


def ages_taken(age: int, language: Language) -> str:
    """A sentence where ages of children were made up, on which prices depend."""
    return PHRASES[language].party.ages_taken.format(age=age)


def untold(language: Language) -> str:
    """A sentence where something was wished of a room that no record tells."""
    return PHRASES[language].hotel.untold


def count_of(number: int, shown: Shown, language: Language) -> str:
    """`count`: "3 hotels"."""
    return counted(number, PHRASES[language].counted[shown])


def wanted(question: Question, language: Language) -> str:
    """The missing slot."""
    return PHRASES[language].wanted[question]


def reading(intent: Intent, language: Language) -> str:
    """`reading.1` and `reading.2`."""
    return PHRASES[language].readings[intent]


def item(number: int, shown: Shown, language: Language) -> str:
    """`what`: the item at this place, which counts from 0."""
    return _item(number, shown, PHRASES[language], PHRASES[language].items)


def doing(
    intent: Intent, language: Language, *, number: int | None = None, shown: Shown | None = None
) -> str:
    """`what`, for `confirm` and `not_yet`: "booking the second hotel", or "booking"."""
    phrases = PHRASES[language]
    if number is not None and shown is not None and intent in phrases.doing_it:
        thing = _item(number, shown, phrases, phrases.items_as_object)
        return phrases.doing_it[intent].format(item=thing)
    return phrases.doing.get(intent, phrases.readings[intent])


def stopped(thing: Literal["search", "answer"], language: Language) -> str:
    """`what`, for `stopped`."""
    return PHRASES[language].stopped[thing]


def because(
    feature: str | None, language: Language, *, together: Together | None = None
) -> str | None:
    """The feature that spoke for an item, by the ranker's name of it, and by which rule it was chosen for
    several people: nobody's own liking is told. None: it has no words."""
    phrases = PHRASES[language]
    reason = phrases.because.get(feature or "")
    if together is None:
        return reason
    rule = phrases.together[together]
    return rule if reason is None else f"{reason} {phrases.both} {rule}"


def instead(feature: str | None, language: Language) -> str:
    """`because`, for `learned`: what is looked for now that this feature was not liked."""
    phrases = PHRASES[language]
    return phrases.instead.get(feature or "", phrases.something_else)


def trend(change: float, over_days: int, language: Language) -> str:
    """`change`: of prices, as a share (0.06 is 6 % more)."""
    phrases = PHRASES[language].trend
    form = phrases.rose if change > 0 else phrases.fell
    if abs(change) < FLAT_BELOW:
        form = phrases.same
    percent = format_percent(abs(change), "#,##0\u202f%", PHRASES[language].day.locale)
    return form.format(percent=percent, days=counted(over_days, phrases.days))


def called(name: str) -> str | None:
    """`user` and `persona`; None: nothing is left of it."""
    return cleaned(name, MAX_NAME) or None


def _mentioned(mention: PlaceMention, language: Language, atlas: Atlas) -> str:
    place = atlas.get(mention.place_id or "")
    if place is not None:
        name = name_of_place(place, language)
        return name if mention.namesakes is None else f"{name} ({_which(place, mention, language)})"
    if mention.place_id is None and mention.country is not None:
        return name_of_country(mention.country, language)
    return cleaned(mention.name, MAX_NAME)


def _which(place: Place, mention: PlaceMention, language: Language) -> str:
    """Of several of its name: where it lies, and its code where that tells too little."""
    country = name_of_country(place.country, language)
    return f"{country}, {place.iata}" if mention.namesakes == "here" and place.iata else country


def _when(dates: Dates, phrases: Phrases, language: Language, today: date) -> str | None:
    day = phrases.day
    if dates.from_ is not None:
        end = None if dates.to is None else date.fromisoformat(dates.to)
        return days(date.fromisoformat(dates.from_), end, language, today=today)
    if dates.to is not None:
        return day.until.format(day=day_of(date.fromisoformat(dates.to), day, with_year=False))
    if dates.holiday is not None:
        holiday, _, year = dates.holiday.rpartition("-")
        return _of_year(day.at_holiday[_holiday(holiday)], int(year), phrases, today)
    if dates.month is not None:
        year, _, month = dates.month.partition("-")
        return _of_year(in_month(int(month), phrases), int(year), phrases, today)
    if dates.season is not None:
        year, _, season = dates.season.partition("-")
        return _of_year(day.in_season[_season(season)], int(year), phrases, today)
    return None


def _of_year(phrase: str, year: int, phrases: Phrases, today: date) -> str:
    """The year is said when it is not the coming one."""
    return phrases.day.year.format(phrase=phrase, year=year) if year > today.year + 1 else phrase


def _holiday(text: str) -> Holiday:
    return "christmas" if text == "christmas" else "easter" if text == "easter" else "new-year"


def _season(text: str) -> Season:
    seasons: dict[str, Season] = {"spring": "spring", "summer": "summer", "autumn": "autumn"}
    return seasons.get(text, "winter")


def _who(adults: int, children: int, phrases: Phrases) -> str:
    words = phrases.party
    young = counted(children, words.children) if children else ""
    if not adults:
        return young
    grown = counted(adults, words.adults if children else words.persons)
    return f"{grown} {phrases.both} {young}" if young else grown


def _item(
    number: int, shown: Shown, phrases: Phrases, named: Mapping[Shown, tuple[str, ...]]
) -> str:
    names = named[shown]
    return names[number] if number < len(names) else phrases.item_beyond[shown].format(n=number + 1)
