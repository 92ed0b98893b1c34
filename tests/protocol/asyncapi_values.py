"""Values made from the contract's schemas: what a generator that knows nothing else would send."""

from typing import Any

from asyncapi_reader import Contract, Json
from hypothesis import strategies as st

Values = st.SearchStrategy[Any]

CHARACTERS = st.characters(codec="utf-8", exclude_characters="\0")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(CHARACTERS, max_size=8)
)
PLAIN = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(CHARACTERS, max_size=8), inner)
    ),
    max_leaves=6,
)
MOST_ITEMS, MOST_CHARACTERS = 3, 8


def payloads(contract: Contract, message: str) -> Values:
    """Payloads of a message, within the document's sentences about bytes and white space."""
    schema = contract.at(f"#/components/messages/{message}/payload")
    return values(contract, schema).filter(lambda payload: contract.accepts(message, payload))


def values(contract: Contract, schema: Json) -> Values:
    if "$ref" in schema:
        return values(contract, contract.at(schema["$ref"]))
    if "anyOf" in schema:
        return st.one_of([values(contract, option) for option in schema["anyOf"]])
    if "const" in schema:
        return st.just(schema["const"])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    names = schema.get("type")
    if isinstance(names, list):
        return st.one_of([values(contract, {**schema, "type": name}) for name in names])
    return PLAIN if names is None else _of_type(contract, names, schema)


def _of_type(contract: Contract, name: str, schema: Json) -> Values:
    match name:
        case "null":
            return st.none()
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(schema.get("minimum", -(2**63)), schema.get("maximum", 2**63 - 1))
        case "string":
            return _text(schema)
        case "array":
            least = schema.get("minItems", 0)
            items = values(contract, schema.get("items", {}))
            return st.lists(items, min_size=least, max_size=max(least, MOST_ITEMS))
        case "object":
            return _map(contract, schema)
        case _:
            raise AssertionError(f"no values for {name}")


def _text(schema: Json) -> Values:
    least, most = schema.get("minLength", 0), schema.get("x-max-bytes")
    texts = (
        st.from_regex(schema["pattern"], alphabet=CHARACTERS)
        if "pattern" in schema
        else st.text(CHARACTERS, min_size=least, max_size=MOST_CHARACTERS)
    )
    if most is None:
        return texts
    return texts.filter(lambda text: len(text.encode()) <= most and not (least and text.isspace()))


def _map(contract: Contract, schema: Json) -> Values:
    if "properties" not in schema:
        keys = values(contract, schema.get("propertyNames", {"type": "string"}))
        inner = values(contract, schema.get("additionalProperties", {}))
        return st.dictionaries(keys, inner, max_size=MOST_ITEMS)
    fields = {name: values(contract, field) for name, field in schema["properties"].items()}
    required = schema.get("required", [])
    return st.fixed_dictionaries(
        {name: fields[name] for name in required},
        optional={name: field for name, field in fields.items() if name not in required},
    )
