"""The page describes the routes that are registered, and answers keep to it."""

from typing import Any

import msgspec
from http_fakes import World

from gateways.http.app import DECLARED
from gateways.http.openapi import document

PAGE = document(DECLARED, "0.1.0")


def test_every_route_is_on_the_page_and_nothing_else() -> None:
    described = {
        (method.upper(), path) for path, methods in PAGE["paths"].items() for method in methods
    }
    assert described == {(route.method, route.path) for route in DECLARED}


def test_names_are_unique() -> None:
    names = [route.name for route in DECLARED]
    assert len(names) == len(set(names))


def test_every_reference_leads_somewhere() -> None:
    def references(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["$ref"]] if "$ref" in value else []
            return own + [ref for item in value.values() for ref in references(item)]
        if isinstance(value, list):
            return [ref for item in value for ref in references(item)]
        return []

    known = {f"#/components/schemas/{name}" for name in PAGE["components"]["schemas"]}
    assert set(references(PAGE)) <= known


def test_bodies_allow_no_unknown_field() -> None:
    for route in DECLARED:
        if route.body.__struct_fields__:
            assert (
                PAGE["components"]["schemas"][route.body.__name__]["additionalProperties"] is False
            )


def test_what_needs_a_login_says_so() -> None:
    for route in DECLARED:
        operation = PAGE["paths"][route.path][route.method.lower()]
        assert ("security" in operation) == (route.access != "public")
        assert ("401" in operation["responses"]) or route.access == "public"


def test_a_query_that_may_be_left_out_is_not_required() -> None:
    parameters = PAGE["paths"]["/api/v1/chat/rooms"]["get"]["parameters"]
    assert [(p["name"], p["required"]) for p in parameters] == [("limit", False), ("cursor", False)]


def test_a_body_that_may_be_left_out_is_not_required() -> None:
    for route in DECLARED:
        operation = PAGE["paths"][route.path][route.method.lower()]
        if "requestBody" in operation:
            may_be_empty = route.body.may_be_empty and not route.takes
            assert operation["requestBody"]["required"] == (not may_be_empty)


def test_another_price_comes_with_the_quote_that_may_be_booked() -> None:
    refusals = PAGE["paths"]["/api/v1/quotes"]["post"]["responses"]["409"]
    schemas = PAGE["components"]["schemas"]
    shapes = refusals["content"]["application/json"]["schema"]["anyOf"]
    names = [shape["$ref"].rpartition("/")[2] for shape in shapes]
    assert names == ["Problem", "ChangedPrice"]
    assert schemas["ChangedPrice"]["required"] == ["error", "code", "quote"]


def test_a_set_of_answers_is_declared_for_every_status_of_the_contract() -> None:
    allowed = {
        "200",
        "201",
        "202",
        "400",
        "401",
        "403",
        "404",
        "409",
        "422",
        "429",
        "500",
        "503",
        "504",
    }
    for methods in PAGE["paths"].values():
        for operation in methods.values():
            assert set(operation["responses"]) <= allowed


async def test_the_page_is_served() -> None:
    answer = await World().call("GET", "/openapi.json")
    assert answer.json == msgspec.json.decode(msgspec.json.encode(PAGE))


def test_every_pattern_is_one_of_ecmascript_too() -> None:
    """JSON Schema's patterns are ECMA-262's, which knows no `\\Z` and `\\A`."""

    def patterns(value: Any) -> list[str]:
        if isinstance(value, dict):
            own = [value["pattern"]] if isinstance(value.get("pattern"), str) else []
            return own + [each for item in value.values() for each in patterns(item)]
        if isinstance(value, list):
            return [each for item in value for each in patterns(item)]
        return []

    assert patterns(PAGE)
    assert not [pattern for pattern in patterns(PAGE) if "\\Z" in pattern or "\\A" in pattern]
