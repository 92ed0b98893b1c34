"""What was sold of the world: seats by flight and class, rooms by night. Shared by all suppliers."""

from collections.abc import Iterable
from datetime import date
from typing import Final

from gateways.sandbox.flights import Flight
from gateways.sandbox.hotels import Hotel, Room, rooms_free
from gateways.sandbox.records import Draft
from gateways.sandbox.world import World

SEATS: Final = "world.seats"
ROOMS: Final = "world.rooms"


def seats_left(world: World, records: Draft, flight: Flight, fare_class: str) -> int:
    """Never below 0."""
    sold = _count(records, SEATS, _seat_key(flight.key, fare_class))
    return max(0, world.capacity(flight, fare_class) - sold)


def take_seats(records: Draft, flight: Flight, fare_class: str, seats: int) -> None:
    """The caller saw that they are left."""
    _add(records, SEATS, _seat_key(flight.key, fare_class), seats)


def give_back_seats(records: Draft, flight_key: str, fare_class: str, seats: int) -> None:
    """As many as were taken, once."""
    _add(records, SEATS, _seat_key(flight_key, fare_class), -seats)


def rooms_left(
    world: World, records: Draft, hotel: Hotel, room: Room, nights: Iterable[date]
) -> int:
    """As many as are free in every one of these nights."""
    return min(
        max(
            0,
            rooms_free(world.seed, hotel, room, night)
            - _count(records, ROOMS, _room_key(hotel, room, night)),
        )
        for night in nights
    )


def take_rooms(
    records: Draft, hotel: Hotel, room: Room, nights: Iterable[date], rooms: int
) -> None:
    """The caller saw that they are left."""
    for night in nights:
        _add(records, ROOMS, _room_key(hotel, room, night), rooms)


def _seat_key(flight_key: str, fare_class: str) -> str:
    return f"{flight_key}.{fare_class}"


def _room_key(hotel: Hotel, room: Room, night: date) -> str:
    return f"{hotel.id}.{room.code}.{night:%Y%m%d}"


def _count(records: Draft, kind: str, key: str) -> int:
    found = records.get(kind, key)
    return 0 if found is None else int(found["sold"])


def _add(records: Draft, kind: str, key: str, number: int) -> None:
    sold = _count(records, kind, key) + number
    if sold:
        records.put(kind, key, {"sold": sold})
    else:
        records.delete(kind, key)
