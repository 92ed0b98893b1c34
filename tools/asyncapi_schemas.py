"""JSON Schema (draft 7, the one of AsyncAPI) of what the structs in `protocol/` let through.

Own walk instead of `msgspec.json.schema`, which knows the types but not the wire: what may be nil,
what is always there although it has a default, and what only one direction sends.
"""

import re
from collections.abc import Iterable, Iterator
from typing import Any, Final, get_args

from msgspec import NODEFAULT, UNSET, inspect

from protocol import chat, frames, room, wire

Schema = dict[str, Any]
HERE: Final = "#/components/schemas/"
_LITERALS: Final = {str: "string", int: "integer"}


def structs_in(info: Any) -> Iterator[type]:
    """The struct types that a type holds, itself included."""
    match info:
        case inspect.StructType():
            yield info.cls
            for field in info.fields:
                yield from structs_in(field.type)
        case inspect.UnionType():
            for member in info.types:
                yield from structs_in(member)
        case inspect.ListType() | inspect.VarTupleType():
            yield from structs_in(info.item_type)
        case inspect.DictType():
            yield from structs_in(info.value_type)
        case inspect.Metadata():
            yield from structs_in(info.type)


def closure(kinds: Iterable[type]) -> set[type]:
    """These structs and every struct inside them."""
    return {inner for kind in kinds for inner in structs_in(inspect.type_info(kind))}


READ_BY_SERVER: Final = closure(get_args(wire.ClientFrame))
"""What the codec decodes: an optional field of it may be nil, which means absent. What only the
server writes has a field or has it not."""


def schema_of(kind: Any) -> Schema:
    """The schema of one struct. Structs inside it are references by name."""
    config, fields = kind.__struct_config__, _fields(kind)
    properties = {field.encode_name: _field(kind, field) for field in fields}
    required = [field.encode_name for field in fields if _is_always_there(kind, field)]
    if config.tag is not None:
        properties = {config.tag_field: {"type": "string", "const": config.tag}, **properties}
        required = [config.tag_field, *required]
    return {
        "type": "object",
        "description": words_of(kind),
        "properties": properties,
        **({"required": required} if required else {}),
        **_BETWEEN_FIELDS.get(kind, {}),
    }


def _fields(kind: type) -> tuple[inspect.Field, ...]:
    info: Any = inspect.type_info(kind)
    fields: tuple[inspect.Field, ...] = info.fields
    return fields


def words_of(kind: type) -> str:
    """The docstring, with the names that travel."""
    text = " ".join((kind.__doc__ or "").split())
    return re.sub(r"`([a-z_]+)`", lambda found: f"`{_camel(found[1])}`", text)


def _camel(name: str) -> str:
    first, *rest = name.rstrip("_").split("_")
    return first + "".join(map(str.title, rest))


def _is_always_there(kind: Any, field: inspect.Field) -> bool:
    if field.required or not (kind.__struct_config__.omit_defaults):
        return True
    return field.name == "ref" and issubclass(kind, frames.Answer)


def _field(kind: type, field: inspect.Field) -> Schema:
    schema = _type(_without_nil(field.type) if _is_never_nil(kind, field) else field.type)
    if field.default in (NODEFAULT, UNSET, None) or _is_always_there(kind, field):
        return schema
    return {**schema, "default": field.default}


def _is_never_nil(kind: type, field: inspect.Field) -> bool:
    if field.name == "ref":
        return True
    return kind not in READ_BY_SERVER and not _is_always_there(kind, field)


def _without_nil(info: inspect.Type) -> inspect.Type:
    if not isinstance(info, inspect.UnionType):
        return info
    rest = tuple(each for each in info.types if not isinstance(each, inspect.NoneType))
    return rest[0] if len(rest) == 1 else inspect.UnionType(rest)


def _type(info: inspect.Type) -> Schema:
    match info:
        case inspect.AnyType():
            return {}
        case inspect.BoolType():
            return {"type": "boolean"}
        case inspect.IntType():
            return _bounded("integer", minimum=info.ge, maximum=info.le, format="int64")
        case inspect.StrType():
            return _text("string", info, pattern=info.pattern)
        case inspect.LiteralType():
            return {"type": _LITERALS[type(info.values[0])], "enum": list(info.values)}
        case inspect.FloatType():
            return _bounded("number", minimum=info.ge, maximum=info.le)
        case inspect.ListType() | inspect.VarTupleType():
            bounds = {"minItems": info.min_length or None, "maxItems": info.max_length}
            return _bounded("array", items=_type(info.item_type) or None, **bounds)
        case inspect.DictType():
            return _map(info)
        case inspect.StructType():
            return {"$ref": HERE + info.cls.__name__}
        case inspect.UnionType():
            return _union(info)
        case inspect.Metadata():
            return {**_type(info.type), **(info.extra_json_schema or {})}
        case _:
            raise TypeError(f"no rule for {info}")


def _bounded(name: str, **rules: Any) -> Schema:
    return {"type": name, **{key: rule for key, rule in rules.items() if rule is not None}}


def _text(name: str, info: inspect.StrType, **rules: Any) -> Schema:
    return _bounded(name, minLength=info.min_length, maxLength=info.max_length, **rules)


def _map(info: inspect.DictType) -> Schema:
    keys = _type(info.key_type)
    return _bounded(
        "object",
        propertyNames=keys if len(keys) > 1 else None,
        additionalProperties=_type(info.value_type) or None,
        maxProperties=info.max_length,
    )


def _union(info: inspect.UnionType) -> Schema:
    options = [_type(each) for each in info.types if not isinstance(each, inspect.NoneType)]
    schema = options[0] if len(options) == 1 else {"anyOf": options}
    return _or_nil(schema) if len(options) < len(info.types) else schema


def _or_nil(schema: Schema) -> Schema:
    if "type" in schema:
        values = {"enum": [*schema["enum"], None]} if "enum" in schema else {}
        return {**schema, "type": [schema["type"], "null"], **values}
    return {"anyOf": [*schema.get("anyOf", [schema]), {"type": "null"}]}


def _both(one: str, other: str) -> Schema:
    given = {"type": "integer"}
    return {"required": [one, other], "properties": {one: given, other: given}}


_BETWEEN_FIELDS: Final[dict[type, Schema]] = {
    chat.ReadHistory: {
        "not": {
            "anyOf": [
                *(_both("before", "after"), _both("before", "around"), _both("after", "around"))
            ]
        }
    },
    room.CreateRoom: {
        "if": {"properties": {"kind": {"const": "direct"}}},
        "then": {
            "required": ["members"],
            "properties": {"members": {"minItems": 1, "maxItems": 1}},
        },
    },
}
"""Rules of `protocol.text_rules` about more than one field."""
