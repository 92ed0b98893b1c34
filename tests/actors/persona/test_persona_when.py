"""Words for days become days."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.persona.when import (
    FURTHEST,
    MOST_NIGHTS,
    begun_anew,
    default_stay,
    easter,
    returning,
    when,
)
from protocol.understanding import Dates

TODAY = date(2026, 11, 24)


@pytest.mark.parametrize(
    ("dates", "start", "end"),
    [
        (Dates(from_="2027-02-12", to="2027-02-16"), "2027-02-12", "2027-02-16"),
        (Dates(from_="2027-02-12", nights=5), "2027-02-12", "2027-02-17"),
        (Dates(month="2027-02"), "2027-02-05", "2027-02-07"),
        (Dates(month="2027-02", nights=7), "2027-02-05", "2027-02-12"),
        (Dates(month="2027-02", part="mid"), "2027-02-12", "2027-02-14"),
        (Dates(month="2027-02", part="third"), "2027-02-19", "2027-02-21"),
        (Dates(month="2027-03", part="late", nights=4), "2027-03-26", "2027-03-30"),
        (Dates(month="2026-11"), "2026-11-27", "2026-11-29"),
        (Dates(season="2026-winter"), "2026-12-04", "2026-12-06"),
        (Dates(season="2027-summer", nights=3), "2027-06-04", "2027-06-07"),
        (Dates(season="2026-autumn"), "2026-11-27", "2026-11-29"),
        (Dates(holiday="christmas-2026"), "2026-12-23", "2026-12-27"),
        (Dates(holiday="new-year-2026"), "2026-12-30", "2027-01-02"),
        (Dates(holiday="easter-2027"), "2027-03-26", "2027-03-29"),
        (Dates(to="2027-02-16", nights=2), "2027-02-14", "2027-02-16"),
    ],
)
def test_a_stay_is_chosen_within_what_was_said(dates: Dates, start: str, end: str) -> None:
    stay = when(dates, TODAY)
    assert stay is not None
    assert (stay.start.isoformat(), stay.end.isoformat()) == (start, end)


def test_a_lone_day_says_nothing_of_coming_back() -> None:
    stay = when(Dates(from_="2027-02-12"), TODAY)
    assert stay is not None
    assert stay.is_lone
    assert stay.is_chosen
    said = when(Dates(from_="2027-02-12", to="2027-02-13"), TODAY)
    assert said is not None
    assert not said.is_lone
    assert not said.is_chosen


def test_who_needs_a_bed_today_needs_it_for_one_night() -> None:
    tonight = when(Dates(from_=TODAY.isoformat()), TODAY)
    assert tonight is not None
    assert (tonight.nights, tonight.is_lone) == (1, True)
    longer = when(Dates(from_=TODAY.isoformat(), nights=2), TODAY)
    assert longer is not None
    assert longer.nights == 2


@pytest.mark.parametrize(
    "dates",
    [
        None,
        Dates(),
        Dates(nights=3),
        Dates(from_="2026-11-20"),
        Dates(from_="2027-02-30"),
        Dates(month="2026-10"),
        Dates(month="2027-13"),
        Dates(from_="2028-02-12"),
        Dates(season="2026-summer"),
        Dates(holiday="easter-2026"),
    ],
)
def test_without_a_day_that_can_be_booked_there_is_no_stay(dates: Dates | None) -> None:
    assert when(dates, TODAY) is None


def test_late_in_a_month_the_days_that_are_left_have_to_do() -> None:
    stay = when(Dates(month="2026-11"), date(2026, 11, 28))
    assert stay is not None
    assert stay.start == date(2026, 11, 29)
    assert when(Dates(month="2026-11"), date(2026, 11, 30)) is None


@pytest.mark.parametrize(
    ("year", "sunday"), [(2024, (3, 31)), (2025, (4, 20)), (2026, (4, 5)), (2038, (4, 25))]
)
def test_easter_is_where_the_church_has_it(year: int, sunday: tuple[int, int]) -> None:
    assert easter(year) == date(year, *sunday)


days = st.dates(date(2026, 1, 1), date(2028, 12, 31)).map(date.isoformat)
any_dates = st.builds(
    Dates,
    from_=st.none() | days,
    to=st.none() | days,
    month=st.none() | st.builds("{:04}-{:02}".format, st.integers(2026, 2028), st.integers(0, 13)),
    nights=st.none() | st.integers(-3, 400),
    season=st.none()
    | st.builds(
        "{}-{}".format,
        st.integers(2026, 2028),
        st.sampled_from(["spring", "summer", "autumn", "winter"]),
    ),
    holiday=st.none()
    | st.builds(
        "{}-{}".format,
        st.sampled_from(["christmas", "new-year", "easter"]),
        st.integers(2026, 2028),
    ),
)


@given(any_dates, st.dates(date(2026, 1, 1), date(2028, 12, 31)))
def test_whatever_is_said_a_stay_can_be_booked(dates: Dates, today: date) -> None:
    for stay in (when(dates, today), default_stay(dates, today)):
        if stay is not None:
            assert today <= stay.start <= today + FURTHEST
            assert 1 <= stay.nights <= max(MOST_NIGHTS, 4)
            assert stay.end - stay.start >= timedelta(days=1)


@pytest.mark.parametrize(
    ("said", "before", "meant"),
    [
        (Dates(to="2026-12-06"), Dates(from_="2026-12-11"), "2026-12-13"),
        (Dates(to="2026-11-29"), Dates(from_="2027-02-05", to="2027-02-07"), "2027-02-07"),
        (Dates(to="2026-12-11"), Dates(from_="2026-12-11"), "2026-12-18"),
        (Dates(to="2026-12-13"), Dates(from_="2026-12-11"), None),
        (Dates(to="2026-12-06", from_="2026-12-04"), Dates(from_="2026-12-11"), None),
        (Dates(to="2026-12-06"), Dates(month="2027-02"), None),
        (None, Dates(from_="2026-12-11"), None),
    ],
)
def test_a_return_on_a_day_of_the_week_is_after_the_departure(
    said: Dates | None, before: Dates, meant: str | None
) -> None:
    found = returning(said, before)
    assert (found.to if found is not None else None) == meant


@pytest.mark.parametrize(
    ("new", "end"),
    [
        (Dates(from_="2027-05-12"), "2027-05-17"),
        (Dates(from_="2027-05-08"), "2027-05-17"),
        (Dates(from_="2027-06-01"), "2027-06-08"),
        (Dates(from_="2027-05-17"), "2027-05-24"),
        (Dates(from_="2027-05-12", to="2027-05-14"), "2027-05-14"),
        (Dates(from_="2027-05-12", nights=2), None),
        (Dates(month="2027-06"), None),
    ],
)
def test_another_first_day_alone_does_not_drop_the_last_one(new: Dates, end: str | None) -> None:
    assert begun_anew(Dates(from_="2027-05-10", to="2027-05-17"), new).to == end
    assert begun_anew(Dates(from_="2027-05-10"), new).to == new.to
