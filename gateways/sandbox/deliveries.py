"""Webhooks on their way, as records: when, to whom, and what the rules do to them (pure).

Who sends them (`webhook_sender`) asks what is due, posts what is prepared, and says how it ended. All times
here are the wall's, in milliseconds: receivers judge signatures by their own clock.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from gateways.sandbox import faults
from gateways.sandbox.exchange import Json, Setting
from gateways.sandbox.fault_actions import (
    BadSignature,
    Delay,
    Drop,
    Duplicate,
    OldTimestamp,
    Reorder,
)

MAX_WAITING: Final = 20_000
"""Deliveries beyond that are not planned."""

FIRST_RETRY_MS: Final = 1_000
MOST_RETRY_MS: Final = 300_000
AFTER_THE_NEXT_MS: Final = 2_000
_LOOPBACK: Final = ("127.0.0.1", "::1", "localhost")


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One attempt, ready to be sent: only to loopback."""

    url: str
    body: bytes
    headers: tuple[tuple[str, str], ...]


def is_loopback(url: str) -> bool:
    """Whether a webhook may go there: plain HTTP to this machine."""
    try:
        parts = urlsplit(url)
        return parts.scheme == "http" and parts.hostname in _LOOPBACK and parts.port != 0
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Deliveries:
    """One supplier's. `kind`: of its records; `api`: of the rules that concern it. A record has `attempt`,
    `is_forged` and `late_by` (seconds that its signature is to be old), both of the first attempt alone; one
    that was planned here also `webhook` and `body`."""

    kind: str
    api: str
    most_attempts: int

    def plan(self, setting: Setting, *, body: str, type_: str, webhook: str) -> None:
        """An event's deliveries to one address, as the rules let them be."""
        copies, delay, is_forged, late_by = 1, 0, False, 0
        path = f"/{type_}"
        fired = faults.decide(
            setting.records, api=self.api, method="POST", path=path, body=body.encode()
        )
        for each in fired:
            match each.action:
                case Drop():
                    copies = 0
                case Duplicate() as action:
                    copies = copies and copies + action.n
                case Reorder():
                    delay += AFTER_THE_NEXT_MS
                case Delay() as action:
                    delay += action.ms
                case BadSignature():
                    is_forged = True
                case OldTimestamp() as action:
                    late_by = action.seconds
                case _:
                    pass
            self._journal(setting, each, path, webhook)
        delivery: Json = {
            "webhook": webhook,
            "body": body,
            "attempt": 1,
            "is_forged": is_forged,
            "late_by": late_by,
        }
        for _ in range(copies):
            self.put(setting, setting.now.wall + delay, delivery)

    def waiting(self, setting: Setting, most: int) -> list[tuple[str, int]]:
        """The first ones by when they are due: key and wall time. Those under way are among them."""
        found: list[tuple[str, int]] = []
        for key, _ in setting.records.scan(self.kind):
            found.append((key, int(key[:15])))
            if len(found) == most:
                break
        return found

    def get(self, setting: Setting, key: str) -> Json | None:
        return setting.records.get(self.kind, key)

    def drop(self, setting: Setting, key: str) -> None:
        """Nobody is to get it any more."""
        if setting.records.get(self.kind, key) is not None:
            setting.records.delete(self.kind, key)
            self._count(setting, -1)

    def concluded(self, setting: Setting, key: str, *, is_taken: bool) -> Json | None:
        """An attempt ended: delivered, or tried again, later each time. What was attempted."""
        entry = setting.records.get(self.kind, key)
        if entry is None:
            return None
        self.drop(setting, key)
        attempt = entry["attempt"]
        if not is_taken and attempt < self.most_attempts:
            after = min(MOST_RETRY_MS, FIRST_RETRY_MS << (attempt - 1))
            again = {**entry, "attempt": attempt + 1, "is_forged": False, "late_by": 0}
            self.put(setting, setting.now.wall + after, again)
        return entry

    def put(self, setting: Setting, at: int, delivery: Json) -> str:
        """Have it sent then, if not too many wait. Its key."""
        key = f"{at:015}|{faults.next_number(setting.records, self.kind):09}"
        if self._count(setting, 1) <= MAX_WAITING:
            setting.records.put(self.kind, key, delivery)
        else:
            self._count(setting, -1)
        return key

    def _journal(self, setting: Setting, fired: faults.Fired, path: str, webhook: str) -> None:
        entry: Json = {
            "at": setting.now.wall,
            "businessAt": setting.now.business,
            "api": self.api,
            "method": "POST",
            "path": path,
            "rule": fired.rule_id,
            "action": fired.action.__struct_config__.tag,
            "endpoint": webhook,
        }
        faults.write_journal(setting.records, entry)

    def _count(self, setting: Setting, by: int) -> int:
        kind = f"{self.kind}.waiting"
        found = setting.records.get(kind, "n")
        number = by + (0 if found is None else int(found["n"]))
        setting.records.put(kind, "n", {"n": number})
        return number
