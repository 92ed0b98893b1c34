"""The columns of a place that follow from others by a rule; data/SOURCES.md says the rules."""

import csv
import datetime
import io
import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from catalogue_grids import Climate, Coast, distance_km
from catalogue_packages import AIRPORTS, CURRENCIES, PARITIES, RATES, TEMPERATURES, Packages

from protocol.travel import MonthClimate
from storage.place_names import fold

MONTHS: Final = (
    *("January", "February", "March", "April", "May", "June"),
    *("July", "August", "September", "October", "November", "December"),
)
PRICE_STEPS: Final = (0.35, 0.5, 0.7, 0.9)
PRICE_YEAR: Final = 2022
PARITY_EDITION: Final = 2024
"""The table's own year: it gives all years in the currency of then."""

WITH_ARTICLE: Final = ("United", "Netherlands", "Philippines", "Bahamas", "Maldives", "Dominican")
FLAT_WITHIN_KM: Final = 40.0
FLAT_M: Final = 500.0


class Climates:
    """Months by the city of a published table where it has one, else by the ITU's grid where the land
    is flat enough for a cell of 80 km to speak for it; rain by the ITU's grid."""

    def __init__(self, packages: Packages, grids: Climate) -> None:
        self._grids = grids
        table = packages.read(TEMPERATURES, "world_temperature_data/world-temperature.csv")
        self._table: dict[tuple[str, str], list[float]] = {}
        for row in csv.DictReader(io.StringIO(table.decode())):
            means = [float(row[f"{month[:3].lower()}_c"]) for month in MONTHS]
            self._table.setdefault((row["city"], row["country_iso2"]), means)

    def of(
        self, latitude: float, longitude: float, country: str, city: str
    ) -> tuple[MonthClimate, ...]:
        means = self._table[city, country] if city else self._by_grid(latitude, longitude)
        rains = self._grids.rains(latitude, longitude)
        return tuple(
            MonthClimate(mean=round(mean, 1), rain=float(round(rain)))
            for mean, rain in zip(means, rains, strict=False)
        )

    def _by_grid(self, latitude: float, longitude: float) -> Sequence[float]:
        heights = self._grids.heights_within(latitude, longitude, FLAT_WITHIN_KM)
        if max(heights) - min(heights) > FLAT_M:
            return ()
        return self._grids.temperatures(latitude, longitude)


class Money:
    """Currencies in use (CLDR), and what a dollar buys (World Bank over HM Revenue & Customs)."""

    def __init__(self, packages: Packages) -> None:
        packages.importable(CURRENCIES)
        packages.importable(RATES)
        from hmrc_rates import NotInPeriodError, Rates, UnknownCurrencyError, YearEnd

        self._unknown = (NotInPeriodError, UnknownCurrencyError)
        self._rates = Rates().average(YearEnd.december(PRICE_YEAR))
        table = packages.read(PARITIES, "ppp/data/ppp-gdp.csv").decode()
        self._parities = {
            row["Country ID"]: float(row["PPP"])
            for row in csv.DictReader(io.StringIO(table))
            if row["Year"] == str(PRICE_YEAR) and row["PPP"]
        }

    def currency(self, country: str, year: int = 2026) -> str | None:
        from babel.numbers import get_territory_currencies

        day = datetime.date(year, 1, 1)
        found = get_territory_currencies(country, start_date=day, end_date=day, tender=True)
        return found[0] if found else None

    def price_level(self, country: str) -> int | None:
        """1 to 5 by the country's price level: purchasing power parity over the exchange rate, of the
        same year (the United States are 1)."""
        parity, currency = self._parities.get(country), self.currency(country, PARITY_EDITION)
        if parity is None or currency is None:
            return None
        try:
            per_pound = self._rates.rate(currency).units_per_gbp
        except self._unknown:
            return None
        level = parity / float(per_pound / self._rates.rate("USD").units_per_gbp)
        if not 0.1 < level < 2:
            return None  # one of both speaks of another currency
        return 1 + sum(level >= step for step in PRICE_STEPS)


class Airports:
    """Airports with an IATA code, and the codes of cities that have several."""

    def __init__(self, packages: Packages) -> None:
        text = packages.read(AIRPORTS, "airportsdata/airports.csv").decode()
        rows = csv.DictReader(io.StringIO(text))
        self.rows = sorted((row for row in rows if row["iata"]), key=lambda row: row["iata"])
        self._by_cell: dict[tuple[int, int], list[dict[str, str]]] = {}
        for row in self.rows:
            cell = math.floor(float(row["lat"])), math.floor(float(row["lon"]))
            self._by_cell.setdefault(cell, []).append(row)
        self._areas: dict[tuple[str, str], list[str]] = {}
        self._area_names: dict[tuple[str, str], str] = {}
        text = packages.read(AIRPORTS, "airportsdata/iata_macs.csv").decode()
        for row in csv.DictReader(io.StringIO(text)):
            key = row["Country"], row["City Code"]
            self._areas.setdefault(key, []).append(row["Airport Code"])
            self._area_names[key[0], fold(row["City Name"])] = key[1]

    def of(
        self, latitude: float, longitude: float, country: str, names: Iterable[str]
    ) -> tuple[str | None, tuple[str, ...]]:
        """The city's code and the airports that serve it, nearest first."""
        known = {fold(name) for name in names}
        near = self._near(latitude, longitude)
        for name in sorted(known):
            code = self._area_names.get((country, name))
            if code is not None:
                airports = self._areas[country, code]
                within = [row["iata"] for km, row in near if km <= 100 and row["iata"] in airports]
                if within:
                    return code, tuple(within)
        own = [
            (km, row)
            for km, row in near
            if km <= 60 and row["country"] == country and _namesakes(row) & known
        ]
        codes = [row["iata"] for _, row in own]
        said = {name for name in names if len(name) == 3 and name.isupper()}
        told = [row["iata"] for km, row in near if km <= 60 and row["iata"] in said]
        if told:
            return told[0], tuple(dict.fromkeys([*codes, *told]))
        named = [row["iata"] for _, row in own if "International" in row["name"]]
        return (named or codes or [None])[0], tuple(codes)

    def gateway(
        self, latitude: float, longitude: float, country: str, serving: Collection[str]
    ) -> tuple[str, ...]:
        """The nearest airport within 100 km that calls itself international or is one of these. One abroad, across a
        border or a strait, counts as half as far again: Cádiz is reached by Seville rather than by Tangier."""
        fits = [
            (km, row)
            for km, row in self._near(latitude, longitude)
            if "International" in row["name"] or row["iata"] in serving
        ]
        nearest = next((km for km, _ in fits if km <= 100), None)
        if nearest is None:
            return ()
        by_way = sorted(
            (km * (1.0 if row["country"] == country else 1.5), row["iata"]) for km, row in fits
        )
        return (by_way[0][1],)

    def _near(self, latitude: float, longitude: float) -> list[tuple[float, dict[str, str]]]:
        row, column = math.floor(latitude), math.floor(longitude)
        found = [
            (distance_km(latitude, longitude, float(near["lat"]), float(near["lon"])), near)
            for down in (-1, 0, 1)
            for right in range(-3, 4)
            for near in self._by_cell.get((row + down, column + right), ())
        ]
        return sorted(found, key=lambda pair: (pair[0], pair[1]["iata"]))


def _namesakes(airport: Mapping[str, str]) -> set[str]:
    """The names of the place that an airport belongs to: its city, or what it is called after."""
    return {fold(airport["city"]), fold(airport["name"]).removesuffix(" airport")}


class Lie:
    """Where a place lies: the sea, the heights."""

    def __init__(self, grids: Climate, coast: Coast, latitude: float, longitude: float) -> None:
        self.height = round(grids.height(latitude, longitude), -1)
        self.rise = max(grids.heights_within(latitude, longitude, 30.0)) - self.height
        self.sea_km = coast.km_from(latitude, longitude)


def tags(
    lie: Lie, climate: Sequence[MonthClimate], population: int, is_capital: bool
) -> tuple[str, ...]:
    """In alphabetical order."""
    is_coast = lie.sea_km <= 5
    claims = {
        "capital": is_capital,
        "metropolis": population >= 5_000_000,
        "big_city": 500_000 <= population < 5_000_000,
        "small_town": population < 50_000,
        "coast": is_coast,
        "mountains": lie.rise >= 1_000,
        "highland": lie.height >= 1_500,
    }
    if climate:
        means, rain = [month.mean for month in climate], sum(month.rain for month in climate)
        claims |= {
            "warm_coast": is_coast and max(means) >= 20,
            "warm_winter": min(means) >= 18,
            "cold_winter": min(means) <= -2,
            "cool_summer": max(means) <= 18,
            "dry": rain < 250,
            "rainy": rain >= 2_000,
        }
    return tuple(sorted(name for name, holds in claims.items() if holds))


def about(
    name: str,
    country: str,
    lie: Lie,
    climate: Sequence[MonthClimate],
    population: int,
    *,
    is_capital: bool,
) -> str:
    """Two or three sentences, each of which columns prove."""
    land = f"the {country}" if country.split(maxsplit=1)[0] in WITH_ARTICLE else country
    what = f"the capital of {land}" if is_capital else f"in {land}"
    said = [f"{name} is {what} and has about {_rounded(population)} inhabitants."]
    if lie.sea_km <= 5 and lie.rise >= 1_000:
        said.append("It lies by the sea, with heights of more than 1,000 m above it within 30 km.")
    elif lie.sea_km <= 5:
        said.append("It lies by the sea.")
    elif lie.height >= 1_500:
        said.append(f"It lies about {round(lie.height, -2):,.0f} m above the sea.")
    elif lie.rise >= 1_000:
        said.append("Within 30 km there are heights of more than 1,000 m above it.")
    if climate:
        warm, cold = (pick(range(12), key=lambda month: climate[month].mean) for pick in (max, min))
        wet = max(range(12), key=lambda month: climate[month].rain)
        said.append(
            f"The warmest month is {MONTHS[warm]} (mean {climate[warm].mean:.0f} °C), "
            f"the coldest {MONTHS[cold]} ({climate[cold].mean:.0f} °C); "
            f"the most rain falls in {MONTHS[wet]} ({climate[wet].rain:.0f} mm)."
        )
    return " ".join(said).replace("-0 °C", "0 °C")


def _rounded(population: int) -> str:
    digits = max(0, len(str(population)) - 2)
    return f"{round(population, -digits):,}"


def is_capital(city: Mapping[str, Any], country: Mapping[str, Any]) -> bool:
    capital = fold(country["capital"])
    return bool(capital) and capital in {
        fold(name) for name in (city["name"], *city["alternatenames"])
    }
