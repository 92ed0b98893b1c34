"""Does the contract say of a frame what the codec says? Frames changed in one place, and both asked."""

from collections.abc import Iterator
from typing import Any, Final

import msgpack
from asyncapi_reader import Contract

from protocol.codec import Malformed, Refused, decode
from protocol.free_form import NOT_PLAIN, ZERO_CHARACTER
from protocol.text_rules import EMPTY, TOO_LONG

Json = dict[str, Any]

WORDS_ONLY: Final = {EMPTY, TOO_LONG, ZERO_CHARACTER, NOT_PLAIN}
"""Refusals for which the document has a sentence instead of a schema: bytes, white space, U+0000,
what free form holds."""

OTHERS: Final = (None, True, "", "x", "x" * 5_000, -1, 0, 5, 1.5, 2**33, 2**63, [], {}, [{}], ["x"])
"""What a value is replaced with."""


def changes(payload: Json) -> Iterator[tuple[str, Json]]:
    """The payload with one key taken out or added, one value replaced, or one list or map made long,
    at any depth; and what was done."""
    yield from _changes(payload, "$")


def _changes(value: Any, place: str) -> Iterator[tuple[str, Any]]:
    match value:
        case dict():
            for item in list(value.values())[:1]:
                yield f"{place} with an empty key", {**value, "": item}
                yield f"{place} with 201 more", {**{f"k{n}": item for n in range(201)}, **value}
            for key in value:
                without = {name: item for name, item in value.items() if name != key}
                yield f"{place}.{key} taken out", without
                for other in OTHERS:
                    yield f"{place}.{key} = {str(other)[:20]}", {**value, key: other}
                for what, changed in _changes(value[key], f"{place}.{key}"):
                    yield what, {**value, key: changed}
        case list():
            many = value * 201
            yield f"{place} times 201", many
            for index, item in enumerate(value):
                for what, changed in _changes(item, f"{place}[{index}]"):
                    yield what, [*value[:index], changed, *value[index + 1 :]]


def refusal(payload: Any) -> str | None:
    """Why the codec refuses a client's frame; None when it takes it."""
    try:
        decode(msgpack.packb(payload))
    except Refused as refused:
        return refused.text
    except Malformed as malformed:
        return str(malformed)
    return None


def disagreement(contract: Contract, message: str, payload: Any) -> str | None:
    """What is wrong when the contract and the codec judge a frame differently."""
    accepted, why = contract.accepts(message, payload), refusal(payload)
    if accepted and why is not None and why not in WORDS_ONLY:
        return f"the contract allows what the codec refuses: {why}"
    if not accepted and why is None:
        return f"the codec takes what the contract forbids: {contract.why_not(message, payload)}"
    return None


def disagreements(contract: Contract, message: str, payload: Json) -> list[str]:
    """All of them, over the payload and everything one change away from it."""
    found = []
    for what, changed in (("as it is", payload), *changes(payload)):
        # A frame of another type is another message.
        if changed.get("type") == payload["type"]:
            problem = disagreement(contract, message, changed)
            found += [f"{what}: {problem}"] if problem else []
    return found
