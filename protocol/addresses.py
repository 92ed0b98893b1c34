"""Names of actors: a kind and a key."""

from typing import NamedTuple


class Address(NamedTuple):
    """One actor's name. Two equal addresses name the same actor."""

    kind: str
    key: str

    def __str__(self) -> str:
        return f"{self.kind}/{self.key}"


class Kind(str):
    """A family of actors: `ROOM.at(room_id)` is the address of one of them."""

    __slots__ = ()

    def at(self, key: str) -> Address:
        return Address(self, key)
