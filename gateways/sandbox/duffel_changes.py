"""Changes of airlines' own at the sandbox's Duffel: flights that move, and who accepts that.

The order shows the new times at once; the change stands beside it until somebody acts on it. Source: docs/duffel.md.
"""

from datetime import datetime, timedelta
from typing import Final

from gateways.sandbox.duffel_effects import write
from gateways.sandbox.duffel_orders import keep, known
from gateways.sandbox.duffel_replies import moment, new_id, refused
from gateways.sandbox.duffel_webhooks import CHANGED, emit
from gateways.sandbox.exchange import Json, Setting

CHANGES: Final = "duffel.change"
MOST_CHANGES: Final = 50
"""Of one order: the oldest are forgotten."""


def change_schedule(kept: Json, minutes: int, setting: Setting) -> Json:
    """All flights of the order leave so many minutes later. The change; whoever wants to hear is told."""
    order, now = kept["order"], moment(setting.now.business)
    before = order["slices"]
    change_id = new_id("aic", setting)
    after = [_moved(way, minutes, change_id) for way in before]
    change: Json = {
        "id": change_id,
        "order_id": order["id"],
        "action_taken": None,
        "action_taken_at": None,
        "added": after,
        "removed": before,
        "available_actions": ["accept", "cancel"],
        "travel_agent_ticket": None,
        "created_at": now,
        "updated_at": now,
    }
    order["slices"], order["synced_at"] = after, now
    _put(kept, [*_of(order), change], setting)
    setting.records.put(CHANGES, change_id, {"order": order["id"]})
    # What Duffel's version 2 says of it is where to look.
    emit(CHANGED, {"id": order["id"], "aic_id": change_id}, change_id, setting)
    return change


def accept(change_id: str, setting: Setting) -> Json:
    """The change, accepted; again: as it was. Raises `Refusal`: only an order's latest can be."""
    found = setting.records.get(CHANGES, change_id)
    if found is None:
        raise refused("not_found")
    kept = known(found["order"], setting)
    changes = _of(kept["order"])
    if not changes or changes[-1]["id"] != change_id:
        raise refused("stale_airline_initiated_change_accept")
    latest = changes[-1]
    if latest["action_taken"] == "accepted":
        write(setting, "accepted", 0, kept["order"], change=change_id)
        return latest
    if latest["action_taken"] is not None:
        raise refused("already_cancelled")
    now = moment(setting.now.business)
    accepted: Json = {
        **latest,
        "action_taken": "accepted",
        "action_taken_at": now,
        "available_actions": [],
        "updated_at": now,
    }
    _put(kept, [*changes[:-1], accepted], setting)
    write(setting, "accepted", 0, kept["order"], change=change_id)
    return accepted


def listed(order_id: str | None, setting: Setting) -> list[Json]:
    """Of one order, oldest first. Raises `Refusal`. (Duffel's test mode makes a new one at each look, on one
    route; here looking changes nothing.)"""
    if order_id is None:
        raise refused("validation_required", "/order_id")
    return _of(known(order_id, setting)["order"])


def _of(order: Json) -> list[Json]:
    return list(order.get("airline_initiated_changes") or ())


def _put(kept: Json, changes: list[Json], setting: Setting) -> None:
    for gone in changes[:-MOST_CHANGES]:
        setting.records.delete(CHANGES, gone["id"])
    kept["order"]["airline_initiated_changes"] = changes[-MOST_CHANGES:]
    keep(kept, setting)


def _moved(way: Json, minutes: int, change_id: str) -> Json:
    """Slices and segments have ids of their own after a change."""
    by, mark = timedelta(minutes=minutes), change_id[-8:]
    segments = [
        {
            **each,
            "id": f"seg_{mark}{each['id'][-12:]}",
            **{
                end: (datetime.fromisoformat(each[end]) + by).isoformat()
                for end in ("departing_at", "arriving_at")
            },
        }
        for each in way["segments"]
    ]
    return {**way, "id": f"sli_{mark}{way['id'][-12:]}", "segments": segments}
