"""PayPal's objects as records, and what the business clock will make happen to them.

Kinds of records: `paypal.object` (kind and id), `paypal.due`. An object's members that begin with `_` are not
shown.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from gateways.sandbox import agenda
from gateways.sandbox.draw import letters
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.faults import next_number
from gateways.sandbox.paypal_replies import missing

OBJECTS: Final = "paypal.object"
DUE: Final = "paypal.due"
Kind = Literal["order", "authorization", "capture", "refund", "webhook"]

_LETTERS: Final = "0123456789ABCDEFGHJKLMNPRSTUVWXY"
_DRAWN: Final = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request, or what the clock does (`key` None). `key`: PayPal-Request-Id. `is_whole`: it prefers
    to be shown all."""

    setting: Setting
    debug_id: str = ""
    key: str | None = None
    base: str = "http://127.0.0.1"
    is_whole: bool = True

    @property
    def now(self) -> int:
        """Business time in milliseconds."""
        return self.setting.now.business

    @property
    def moment(self) -> str:
        return moment(self.now)

    def new_id(self, kind: str) -> str:
        """Seventeen letters, as PayPal's; they follow from the world's seed."""
        number = next_number(self.setting.records, f"paypal.{kind}")
        drawn = letters(_DRAWN, _LETTERS, self.setting.world.seed, "paypal", kind, number)
        return f"{drawn}{number:05}"

    def find(self, kind: Kind, id_: str) -> Json | None:
        return self.setting.records.get(OBJECTS, f"{kind}|{id_[:64]}")

    def get(self, kind: Kind, id_: str) -> Json:
        """Raises `PayPalRefusal`: 404."""
        found = self.find(kind, id_)
        if found is None:
            raise missing()
        return found

    def put(self, kind: Kind, object_: Json, **changed: Any) -> Json:
        """Write it, changed."""
        after = {**object_, **changed}
        if kind != "webhook":
            after["update_time"] = self.moment
        self.setting.records.put(OBJECTS, f"{kind}|{after['id']}", after)
        return after

    def remove(self, kind: Kind, id_: str) -> None:
        self.setting.records.delete(OBJECTS, f"{kind}|{id_}")

    def all(self, kind: Kind) -> list[Json]:
        return [each for _, each in self.setting.records.scan(OBJECTS, f"{kind}|")]

    def later(self, after_ms: int, what: str, id_: str) -> None:
        """So much later `settle` does it."""
        agenda.put(self.setting, DUE, self.now + after_ms, what, id_)

    def link(self, rel: str, path: str, method: str = "GET") -> Json:
        return {"href": f"{self.base}{path}", "rel": rel, "method": method}


def moment(ms: int) -> str:
    """`2026-01-25T02:28:13Z`."""
    return datetime.fromtimestamp(ms // 1_000, UTC).isoformat().replace("+00:00", "Z")


def bare(object_: Json) -> Json:
    """Without what is not shown."""
    return {name: value for name, value in object_.items() if not name.startswith("_")}
