"""From records to the text that leaves: an independent reader finds every number and name of it in the
records, in all languages and voices; and finds a forged one."""

import re
from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from msgspec import Raw
from msgspec.structs import replace

from actors.persona.facts_of_items import facts_of_offers
from inference.wording.filling import fill
from inference.wording.templates import LANGUAGES, VOICES, Templates
from protocol.frames import Money
from protocol.travel import HotelDetails, HotelQuery, Offer, Party, SupplierOffer
from protocol.wording import Plan

TEMPLATES = Templates.load()
NAMES = ("Casa Rosa", "Hôtel du Midi", "Zum Löwen", "Posada del Sol", "The Old Inn")
NUMBER = re.compile(r"\d[\d.,\u202f\u00a0]*\d|\d")
CHECK_IN = date(2027, 2, 12)


@st.composite
def offers(draw: Any) -> tuple[Offer, ...]:
    names = draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=3, unique=True))
    nights = draw(st.integers(1, 20))
    stay = (CHECK_IN.isoformat(), (CHECK_IN + timedelta(days=nights)).isoformat())
    query = HotelQuery(city="LIS", check_in=stay[0], check_out=stay[1], party=Party(adults=2))
    return tuple(
        Offer(
            id=name,
            query=query,
            source=SupplierOffer(
                supplier="amadeus",
                token=Raw(b"{}"),
                total=Money(amount=draw(st.integers(1, 10**7)), currency="EUR"),
                fetched_at=0,
                expires_at=1,
                can_hold=False,
                details=HotelDetails(
                    hotel_id=name,
                    name=name,
                    check_in=stay[0],
                    check_out=stay[1],
                    board=draw(st.sampled_from([None, "BREAKFAST", "HALF_BOARD"])),
                    stars=draw(st.none() | st.integers(1, 5)),
                ),
            ),
            is_stale=draw(st.booleans()),
        )
        for name in names
    )


def numbers(text: str, language: str) -> list[Decimal]:
    group, point = (",", ".") if language == "en" else (".", ",")
    plain = (
        re.sub(rf"[\u202f\u00a0{re.escape(group)}]", "", one).replace(point, ".")
        for one in NUMBER.findall(text)
    )
    return [Decimal(one) for one in plain]


def true_numbers(offer: Offer) -> set[Decimal]:
    details = offer.source.details
    assert isinstance(details, HotelDetails)
    nights = date.fromisoformat(details.check_out) - date.fromisoformat(details.check_in)
    total = Decimal(offer.source.total.amount) / 100
    return {total, Decimal(nights.days), Decimal(details.stars or total)}


def lies(text: str, language: str, shown: tuple[Offer, ...]) -> list[str]:
    """What the text says of each offer, from its name to the next one's, that its record does not."""
    found = []
    at = [text.find(offer.id) for offer in shown]
    if -1 in at or at != sorted(at):
        return ["the offers are not those, or not in order"]
    for offer, start, end in zip(shown, at, [*at[1:], len(text)], strict=True):
        part = text[start + len(offer.id) : end]
        said = numbers(part, language)
        if not set(said) <= true_numbers(offer) or len(said) < 2:
            found.append(part)
    return found


@settings(max_examples=60)
@given(
    shown=offers(),
    language=st.sampled_from(LANGUAGES),
    voice=st.sampled_from(VOICES),
    seed=st.integers(0, 10**6),
)
def test_every_number_that_leaves_is_of_the_record_it_is_said_of(
    shown: tuple[Offer, ...], language: Any, voice: Any, seed: int
) -> None:
    facts = facts_of_offers(shown, language, atlas={})
    plan = Plan(act="show_hotels", voice=voice, language=language, facts=facts, seed=seed)
    text = fill(plan, TEMPLATES.write(plan))
    assert lies(text, language, shown) == []


@settings(max_examples=60)
@given(shown=offers(), language=st.sampled_from(LANGUAGES), dearer=st.integers(1, 10**4))
def test_the_reader_finds_a_price_that_is_not_the_records(
    shown: tuple[Offer, ...], language: Any, dearer: int
) -> None:
    first = shown[0]
    total = replace(first.source.total, amount=first.source.total.amount + dearer * 7 * 100 + 1)
    forged = (replace(first, source=replace(first.source, total=total)), *shown[1:])
    assume(Decimal(total.amount) / 100 not in true_numbers(first))
    facts = facts_of_offers(forged, language, atlas={})
    plan = Plan(act="show_hotels", voice="local", language=language, facts=facts)
    text = fill(plan, TEMPLATES.write(plan))
    assert lies(text, language, shown) != []
    assert lies(text, language, forged) == []
    if len(forged) > 1:
        assert lies(text, language, forged[::-1]) != []
