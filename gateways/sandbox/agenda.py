"""What the business clock will make happen: records of a supplier's kind, by the time of each (pure)."""

from typing import Final

from gateways.sandbox.exchange import Json, Setting

_DIGITS: Final = 15


def put(setting: Setting, kind: str, at_ms: int, what: str, id_: str) -> None:
    """At that business time `what` befalls `id_`."""
    setting.records.put(kind, f"{at_ms:0{_DIGITS}}|{what}|{id_}", {"what": what, "id": id_})


def due(setting: Setting, kind: str) -> list[tuple[str, Json]]:
    """What is to happen by now, in order: keys, for whoever does it to delete, and what and whom."""
    found: list[tuple[str, Json]] = []
    for key, entry in setting.records.scan(kind):
        if int(key[:_DIGITS]) > setting.now.business:
            break
        found.append((key, entry))
    return found
