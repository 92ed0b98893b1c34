"""What an operation says about an item, judged by the item's kind (pure)."""

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec

from core.errors import Rejected
from protocol.names import ONE_LINE, is_one_line, is_visible
from protocol.plan import PlanItemKind
from protocol.plan_items import FIELDS_OF, MAX_SHARERS, ExpenseItem, Sharer

MISSING: Final = "A required field is missing."
WRONG: Final = "A field has a wrong value."
_PAST: Final = "A poll's deadline lies ahead."
_FIXED: Final = "This cannot be changed; remove the item and add another."
_STRANGER: Final = "Only people who have joined the room can be named here."
_TWICE: Final = "This is named twice."
_NO_AMOUNT: Final = "Say an amount of more than nothing, or a booking."
_BOTH: Final = "An expense has an amount, or a booking that knows it, not both."
_TOO_MANY: Final = "Say who shares this: at most {limit} people can."
_BACKWARDS: Final = "This ends before it begins."
_EMPTY: Final = "This must not be empty."

_PLACE: Final = re.compile(r" - at `\$(.*)`\Z")
_LACKS: Final = re.compile(r"Object missing required field `([^`]*)`")
_NEVER_SET: Final = ("pollId", "bookingId")


def wrong(path: str, text: str, *, limit: int | None = None) -> Rejected:
    """A field is wrong: `path` from the command down."""
    params = {} if limit is None else {"limit": limit}
    return Rejected("bad_request", text, fields=[(path, text)], params=params)


def added(
    kind: PlanItemKind,
    fields: Mapping[str, Any],
    at: str,
    *,
    by: str,
    people: Collection[str],
    now: int,
) -> dict[str, Any]:
    """The fields of a new item, whole. `at`: their path. Raises `Rejected`, naming the field."""
    built = _judged(kind, dict(fields), at)
    if kind == "expense":
        built = _shared(built, at, by=by, people=people)
    _demand(built, set(built), at, people=people, now=now)
    return built


def changed(
    kind: PlanItemKind,
    old: Mapping[str, Any],
    new: Mapping[str, Any],
    at: str,
    *,
    people: Collection[str],
    now: int,
) -> dict[str, Any]:
    """What a `set` sets, as it will stand; None takes an optional name out. Raises `Rejected`."""
    known = {field.encode_name for field in msgspec.structs.fields(FIELDS_OF[kind])}
    names = known & set(new)
    for name in _NEVER_SET:
        if name in names and new[name] != old.get(name):
            raise wrong(f"{at}.{name}", _FIXED)
    merged = {**old, **{name: new[name] for name in names}}
    built = _judged(kind, {k: v for k, v in merged.items() if v is not None}, at)
    if kind == "expense":
        needed = ("sharedBy",) if "bookingId" in old else ("amount", "paidBy", "sharedBy")
        lost = [name for name in needed if name not in built]
        if lost:
            raise wrong(f"{at}.{lost[0]}", MISSING)
    gone = {one for one in _named(old) if one not in people}
    _demand(built, names, at, people={*people, *gone} if gone else people, now=now)
    return {name: built.get(name) for name in sorted(names)}


def _judged(kind: PlanItemKind, fields: dict[str, Any], at: str) -> dict[str, Any]:
    """Of the right types, without the names that the kind does not know. Absent names stay absent."""
    try:
        built: dict[str, Any] = msgspec.to_builtins(msgspec.convert(fields, FIELDS_OF[kind]))
    except msgspec.ValidationError as problem:
        where = _PLACE.search(str(problem))
        path = at + (where[1] if where else "")
        lacks = _LACKS.match(str(problem))
        raise (wrong(f"{path}.{lacks[1]}", MISSING) if lacks else wrong(path, WRONG)) from None
    return built


def _shared(fields: dict[str, Any], at: str, *, by: str, people: Collection[str]) -> dict[str, Any]:
    """What an expense leaves out is who adds it, and everybody who has joined."""
    if "sharedBy" not in fields:
        if len(people) > MAX_SHARERS:
            raise wrong(f"{at}.sharedBy", _TOO_MANY, limit=MAX_SHARERS)
        fields["sharedBy"] = sorted(people)
    if "bookingId" not in fields:
        fields.setdefault("paidBy", by)
    return fields


def _demand(
    fields: Mapping[str, Any], named: set[str], at: str, *, people: Collection[str], now: int
) -> None:
    """What no type says. People who have left may stay where they were named before."""
    if "deadline" in named and fields.get("deadline", now + 1) <= now:
        raise wrong(f"{at}.deadline", _PAST)
    for name in sorted(named & {"title", "address"}):
        if not is_one_line(fields.get(name, "")):
            raise wrong(f"{at}.{name}", ONE_LINE)
    if "title" in named and not is_visible(fields["title"]):
        raise wrong(f"{at}.title", _EMPTY)
    if "endsAt" in fields and fields["endsAt"] < fields.get("startsAt", ""):
        raise wrong(f"{at}.endsAt", _BACKWARDS)
    for name in named & {"paidBy", "assignedTo"}:
        if name in fields and fields[name] not in people:
            raise wrong(f"{at}.{name}", _STRANGER)
    if "sharedBy" in fields:
        _demand_sharers(fields, "sharedBy" in named, at, people)
        _demand_amount(fields, at)


def _demand_sharers(
    fields: Mapping[str, Any], is_named: bool, at: str, people: Collection[str]
) -> None:
    sharers = list(weights_of(fields))
    for place, one in enumerate(fields["sharedBy"]):
        user_id = one if isinstance(one, str) else one["userId"]
        if is_named and user_id not in people:
            raise wrong(f"{at}.sharedBy[{place}]", _STRANGER)
    if len(sharers) < len(fields["sharedBy"]):
        raise wrong(f"{at}.sharedBy", _TWICE)


def _demand_amount(fields: Mapping[str, Any], at: str) -> None:
    if "bookingId" in fields:
        if "amount" in fields or "paidBy" in fields:
            raise wrong(f"{at}.amount", _BOTH)
    elif fields.get("amount", {}).get("amount", 0) <= 0:
        raise wrong(f"{at}.amount", _NO_AMOUNT)


def _named(fields: Mapping[str, Any]) -> set[str]:
    """The people whom an item names."""
    named = {fields[name] for name in ("paidBy", "assignedTo") if name in fields}
    return named | set(weights_of(fields)) if "sharedBy" in fields else named


def weights_of(fields: Mapping[str, Any]) -> dict[str, int]:
    """An expense's sharers with their weights, in listed order."""
    shared = msgspec.convert(fields, ExpenseItem).shared_by or ()
    return {
        one.user_id if isinstance(one, Sharer) else one: (
            one.weight if isinstance(one, Sharer) else 1
        )
        for one in shared
    }
