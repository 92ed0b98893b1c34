"""What a client posts: forms with brackets become nested objects, which are then read by type.

`metadata[a]=b` is `{"metadata": {"a": "b"}}`; lists (`expand[0]=x`, `types[]=x`) are objects with
numbers for keys until they are read as lists. (APIS §6.2.)
"""

import re
from collections.abc import Collection, Iterable
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec

from gateways.sandbox.exchange import Json, Request
from gateways.sandbox.stripe_replies import invalid

_NAME: Final = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")
MAX_PAIRS: Final = 1_000
MAX_DEPTH: Final = 8
MAX_TEXT: Final = 5_000
T = TypeVar("T", bound=str)


def posted(request: Request) -> Json:
    """The body, or for GET and DELETE the query. Raises `StripeRefusal`."""
    if request.method in ("GET", "DELETE"):
        return _nested(request.query)
    if request.headers.get("content-type", "").startswith("application/json"):
        try:
            found = msgspec.json.decode(request.body or b"{}")
        except (msgspec.DecodeError, ValueError):
            raise invalid("Invalid JSON in the request's body.") from None
        if not isinstance(found, dict):
            raise invalid("The request's body must be a JSON object.")
        return found
    try:
        pairs = parse_qsl(
            request.body.decode(), keep_blank_values=True, max_num_fields=MAX_PAIRS, errors="strict"
        )
    except ValueError:
        raise invalid("The request's body is no form.") from None
    return _nested(pairs)


def _nested(pairs: Iterable[tuple[str, str]]) -> Json:
    found: Json = {}
    for name, value in pairs:
        matched = _NAME.fullmatch(name)
        if matched is None:
            raise invalid(f"Invalid parameter name: {name[:100]}")
        steps = [matched[1], *re.findall(r"\[([^\[\]]*)\]", matched[2])]
        if len(steps) > MAX_DEPTH:
            raise invalid(f"Too deep: {matched[1][:100]}")
        node = found
        for step in steps[:-1]:
            inner = node.setdefault(step or str(len(node)), {})
            if not isinstance(inner, dict):
                raise invalid("Invalid object", matched[1])
            node = inner
        node[steps[-1] or str(len(node))] = value
    return found


class Params:
    """A request's parameters, each read by its type. Raises `StripeRefusal` for what Stripe does not
    know, and for what has another type than it is read as. `at` is where they are, for errors."""

    def __init__(self, given: Json, allowed: Collection[str], at: str = "") -> None:
        self.given = given
        self._at = at
        for name in given:
            if name not in allowed and name != "expand":
                path = self.path(name)
                raise invalid(f"Received unknown parameter: {path}", path, "parameter_unknown")

    def __contains__(self, name: str) -> bool:
        return name in self.given

    def path(self, name: str) -> str:
        """As `created[gte]`."""
        return f"{self._at}[{name}]" if self._at else name

    def text(self, name: str) -> str | None:
        """None: absent. Empty: it is to be unset."""
        value = self.given.get(name)
        if value is None:
            return "" if name in self.given else None
        if not isinstance(value, str):
            raise invalid("Invalid string", self.path(name), "parameter_invalid_string_empty")
        if len(value) > MAX_TEXT:
            raise invalid(
                f"Invalid string: at most {MAX_TEXT} characters.",
                self.path(name),
                "parameter_invalid_string_empty",
            )
        return value

    def required(self, name: str) -> str:
        """Given, and not empty."""
        value = self.text(name)
        if value is None:
            raise self.missing(name)
        if not value:
            raise invalid(
                f"You passed an empty string for '{name}'.",
                self.path(name),
                "parameter_invalid_empty",
            )
        return value

    def missing(self, name: str) -> Exception:
        """To be raised."""
        path = self.path(name)
        return invalid(f"Missing required param: {path}.", path, "parameter_missing")

    def integer(self, name: str) -> int | None:
        """None: absent, or empty."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        if isinstance(value, int) and not isinstance(value, bool):
            return value
        if not isinstance(value, str) or re.fullmatch(r"-?[0-9]{1,15}", value) is None:
            path = self.path(name)
            raise invalid(f"Invalid integer: {str(value)[:50]}", path, "parameter_invalid_integer")
        return int(value)

    def flag(self, name: str) -> bool | None:
        """None: absent, or empty."""
        value = self.given.get(name)
        if value is None or value == "":
            return None
        if value in (True, False, "true", "false"):
            return value in (True, "true")
        raise invalid(f"Invalid boolean: {str(value)[:50]}", self.path(name))

    def choice(self, name: str, choices: Collection[str]) -> str | None:
        """None: absent, or empty."""
        value = self.text(name)
        if not value:
            return None
        if value not in choices:
            raise invalid(f"Invalid {name}: must be one of {', '.join(choices)}", self.path(name))
        return value

    def inner(self, name: str, allowed: Collection[str] | None = None) -> "Params":
        """An object; empty when absent or to be unset. `allowed` None: whatever there is."""
        value = self.given.get(name)
        if value is None or value == "":
            value = {}
        if not isinstance(value, dict):
            raise invalid("Invalid object", self.path(name))
        return Params(value, value if allowed is None else allowed, self.path(name))

    def strings(self, name: str) -> list[str] | None:
        """A list of strings, however it was numbered."""
        value = self.given.get(name)
        if value is None:
            return None
        if isinstance(value, dict):
            value = [each for _, each in sorted(value.items(), key=_by_number)]
        if value == "":
            value = []
        if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
            raise invalid("Invalid array", self.path(name))
        return value

    def metadata(self, before: Json) -> Json:
        """What was before with what is set; an empty value takes a key away."""
        if "metadata" not in self.given:
            return before
        if self.given["metadata"] in ("", None):
            return {}
        merged = dict(before)
        for key, value in self.inner("metadata").given.items():
            text = value if isinstance(value, str) else None
            if text is None or len(key) > 40 or len(text) > 500:
                raise invalid("Metadata keys have at most 40 characters, values 500.", "metadata")
            if text:
                merged[key] = text
            else:
                merged.pop(key, None)
        if len(merged) > 50:
            raise invalid("Metadata has at most 50 keys.", "metadata")
        return merged


def _by_number(item: tuple[str, Any]) -> tuple[int, str]:
    return (int(item[0]) if item[0].isdecimal() else 0, item[0])
