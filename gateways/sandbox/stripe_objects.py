"""Stripe's objects as records: each under its id, found again by what lists filter by.

Kinds of records: `stripe.object` (by id), `stripe.index` (kind, field, value, newest first),
`stripe.due` (what the business clock will make happen).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import quote

from gateways.sandbox import agenda
from gateways.sandbox.draw import letters
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.faults import next_number
from gateways.sandbox.stripe_replies import no_such

OBJECTS: Final = "stripe.object"
INDEX: Final = "stripe.index"
DUE: Final = "stripe.due"
ALPHABET: Final = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_COUNTED: Final = 8
_DRAWN: Final = 10
_NEWEST_FIRST: Final = 10**12

PLATFORM: Final = "acct_1SandboxPlatform"

INDEXED: Final[dict[str, tuple[str, ...]]] = {
    "pi": ("customer", "metadata"),
    "ch": ("customer", "payment_intent", "transfer_group"),
    "re": ("charge", "payment_intent"),
    "tr": ("destination", "transfer_group"),
    "trr": ("transfer",),
    "pm": ("customer",),
    "seti": ("customer",),
    "cus": ("email",),
    "evt": ("type", "is_delivered"),
    "we": (),
    "acct": (),
}
"""Kinds by the prefix of their ids, with the members by which they are found."""

NAMES: Final = {
    "pi": "payment_intent",
    "ch": "charge",
    "re": "refund",
    "tr": "transfer",
    "trr": "transfer_reversal",
    "pm": "PaymentMethod",
    "seti": "setup_intent",
    "cus": "customer",
    "evt": "event",
    "we": "webhook endpoint",
    "acct": "account",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """`object`: as Stripe shows it; read, never changed. `private`: what it does not show. `touched`:
    wall time in milliseconds of its last change."""

    number: int
    object: Json
    private: Json = field(default_factory=dict)
    touched: int = 0

    @property
    def id(self) -> str:
        return str(self.object["id"])

    def with_object(self, **members: Any) -> "Kept":
        return replace(self, object={**self.object, **members})

    def with_private(self, **members: Any) -> "Kept":
        return replace(self, private={**self.private, **members})


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, or what the clock does (`request_id` None): the setting with who asks. `key`: the
    idempotency key. `account`: whose objects. `is_public`: with a publishable key."""

    setting: Setting
    request_id: str | None = None
    key: str | None = None
    account: str = PLATFORM
    base: str = "http://127.0.0.1"
    is_public: bool = False

    @property
    def now(self) -> int:
        """Business time, in whole seconds as Stripe has it."""
        return self.setting.now.business // 1_000

    def new_id(self, prefix: str) -> tuple[str, int]:
        """Later ones sort after earlier ones of a kind. With the object's number."""
        number = next_number(self.setting.records, f"stripe.{prefix}")
        drawn = letters(_DRAWN, ALPHABET, self.setting.world.seed, "stripe", prefix, number)
        return f"{prefix}_3{_counted(number)}{drawn}", number

    def secret(self, *parts: object) -> str:
        """Follows from the world's seed: a secret of a sandbox keeps nothing."""
        return letters(24, ALPHABET, self.setting.world.seed, "stripe.secret", *parts)

    def find(self, id_: str, prefix: str) -> Kept | None:
        """That one, if it is of that kind."""
        if not id_.startswith(f"{prefix}_"):
            return None
        found = self.setting.records.get(OBJECTS, id_)
        return None if found is None else _kept(found)

    def get(self, id_: str, prefix: str, param: str | None = None) -> Kept:
        """Raises `StripeRefusal`: 404, or 400 when a parameter named it."""
        found = self.find(id_, prefix)
        if found is None:
            raise no_such(NAMES[prefix], id_[:100], param)
        return found

    def put(self, kept: Kept) -> Kept:
        """Write it, and where it is found."""
        records, prefix = self.setting.records, _prefix(kept.id)
        before = records.get(OBJECTS, kept.id)
        old = set() if before is None else set(_places(prefix, _kept(before)))
        new = set(_places(prefix, kept))
        for place in old - new:
            records.delete(INDEX, place)
        for place in sorted(new - old):
            records.put(INDEX, place, {"id": kept.id})
        kept = replace(kept, touched=self.setting.now.wall)
        records.put(
            OBJECTS,
            kept.id,
            {
                "n": kept.number,
                "object": kept.object,
                "private": kept.private,
                "touched": kept.touched,
            },
        )
        return kept

    def remove(self, kept: Kept) -> None:
        """With where it was found."""
        for place in _places(_prefix(kept.id), kept):
            self.setting.records.delete(INDEX, place)
        self.setting.records.delete(OBJECTS, kept.id)

    def newest(
        self, prefix: str, field_: str = "", value: str = "", *, below: int | None = None
    ) -> Iterator[Kept]:
        """Those with that value, newest first; only those with a number smaller than `below`."""
        start = _place(prefix, field_, value)
        after = "" if below is None else f"{start}{_NEWEST_FIRST - below:013}"
        for _, found in self.setting.records.scan(INDEX, start, after=after):
            kept = self.find(found["id"], prefix)
            if kept is not None:
                yield kept

    def later(self, at_ms: int, what: str, id_: str) -> None:
        """At that business time `settle` does it."""
        agenda.put(self.setting, DUE, at_ms, what, id_)


def _kept(found: Json) -> Kept:
    return Kept(
        number=found["n"],
        object=found["object"],
        private=found["private"],
        touched=found["touched"],
    )


def _prefix(id_: str) -> str:
    return id_.partition("_")[0]


def _places(prefix: str, kept: Kept) -> Iterator[str]:
    number = f"{_NEWEST_FIRST - kept.number:013}"
    yield _place(prefix, "", "") + number
    for name in INDEXED[prefix]:
        value = kept.private.get(name, kept.object.get(name))
        if name == "metadata":
            for key, text in (value or {}).items():
                yield _place(prefix, f"metadata.{key}", text) + number
        elif isinstance(value, str):
            yield _place(prefix, name, value) + number


def _place(prefix: str, field_: str, value: str) -> str:
    return f"{prefix}|{quote(field_, safe='')}|{quote(value, safe='')}|"


def _counted(number: int) -> str:
    word = ""
    for _ in range(_COUNTED):
        number, index = divmod(number, len(ALPHABET))
        word = ALPHABET[index] + word
    return word
