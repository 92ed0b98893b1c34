"""The contract as a stranger reads it: docs/asyncapi.json and nothing of ours beside it."""

import copy
import json
from functools import cache
from pathlib import Path
from typing import Any, Final

from jsonschema import Draft7Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT7

Json = dict[str, Any]
DOCUMENT: Final = Path(__file__).parents[2] / "docs" / "asyncapi.json"


class Contract:
    """An AsyncAPI document that can be asked. Messages go by their key in `components`."""

    def __init__(self, document: Json) -> None:
        self.document = document
        whole = Resource.from_contents(document, default_specification=DRAFT7)
        self._registry: Registry[Any] = Registry().with_resource("urn:contract", whole)
        self._validators: dict[str, Draft7Validator] = {}

    def validator(self, message: str) -> Draft7Validator:
        if message not in self._validators:
            schema = {"$ref": f"urn:contract#/components/messages/{message}/payload"}
            self._validators[message] = Draft7Validator(schema, registry=self._registry)
        return self._validators[message]

    def accepts(self, message: str, payload: Any) -> bool:
        return self.validator(message).is_valid(payload)

    def why_not(self, message: str, payload: Any) -> list[str]:
        return [
            f"{error.json_path}: {error.message}"
            for error in self.validator(message).iter_errors(payload)
        ]

    def at(self, ref: str) -> Any:
        """What a reference within the document points to. Raises KeyError."""
        found: Any = self.document
        for part in ref.removeprefix("#/").split("/"):
            found = found[part]
        return found

    def messages_in(self, channel: str) -> list[str]:
        return list(self.document["channels"][channel]["messages"])

    def matching(self, channel: str, payload: Any) -> list[str]:
        """The messages of a channel that a payload is valid against. AsyncAPI wants one."""
        return [name for name in self.messages_in(channel) if self.accepts(name, payload)]

    def problems_of_server(self, frame: Json, command: str | None) -> list[str]:
        """What is wrong with a frame from a server; `command` is the wire name of what it answers,
        if it answers something."""
        for name in self.messages_in("toClient"):
            if self.document["components"]["messages"][name]["name"] == frame["type"]:
                return self.why_not(name, frame)
        if command is None:
            return [f"nothing was asked, and {frame['type']} is no event"]
        answer = self.operation("send", command)["reply"]["messages"][0]["$ref"]
        return self.why_not(answer.rsplit("/", 1)[1], frame)

    def operation(self, action: str, name: str) -> Json:
        """The operation whose message has this `name` on the wire."""
        found: list[Json] = [
            operation
            for operation in self.document["operations"].values()
            if operation["action"] == action and self.named(operation["messages"][0]) == name
        ]
        assert len(found) == 1, f"{action} {name}: {len(found)} operations"
        return found[0]

    def named(self, reference: Json) -> str:
        """The wire name of a message in a channel."""
        return str(self.at(self.at(reference["$ref"])["$ref"])["name"])

    def closed(self) -> "Contract":
        """The same, but no map may hold a key that is not listed: for what we wrote ourselves. A card's
        kind adds its own (§5)."""
        document = copy.deepcopy(self.document)
        for name, schema in document["components"]["schemas"].items():
            if "properties" in schema and name != "Card":
                schema["additionalProperties"] = False
        return Contract(document)


@cache
def contract() -> Contract:
    """The one in docs/."""
    return Contract(json.loads(DOCUMENT.read_text(encoding="utf-8")))


@cache
def closed_contract() -> Contract:
    """The one in docs/, closed: what our own server is held to."""
    return contract().closed()
