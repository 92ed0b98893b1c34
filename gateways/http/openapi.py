"""The OpenAPI 3.1 page, made from the very table that registers the routes."""

from collections.abc import Sequence
from http import HTTPStatus
from typing import Any, Final

import msgspec

from gateways.http.problems import STATUS, ChangedPrice, Incident, Problem, WrongFields
from gateways.http.routes import Call, Nothing, Reply, Route, json_reply
from protocol.errors import ErrorCode

REFERENCE: Final = "#/components/schemas/{name}"
_REFUSALS: Final = (WrongFields, Problem, ChangedPrice, Incident)


def document(routes: Sequence[Route], version: str) -> dict[str, Any]:
    """The page as JSON-able values."""
    types = [kind for route in routes for kind in (route.body, route.answer) if kind]
    described = [*dict.fromkeys([*types, *_REFUSALS])]
    shapes, components = msgspec.json.schema_components(described, ref_template=REFERENCE)
    schema_of = dict(zip(described, shapes, strict=True))
    paths: dict[str, dict[str, Any]] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schema_of)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Caravan", "version": version},
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": components,
            "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        },
    }


def openapi_route(described: Sequence[Route], version: str) -> Route:
    """The route that shows the page."""
    page: list[bytes] = []

    async def read_page(_call: Call) -> Reply:
        if not page:
            page.append(json_reply(document(described, version)).body)
        return Reply(status=200, body=page[0])

    return Route(
        method="GET",
        path="/openapi.json",
        name="readPage",
        summary="This page",
        handle=read_page,
        access="public",
        is_limited=False,
    )


def _operation(route: Route, schema_of: dict[type, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {
        "operationId": route.name,
        "summary": route.summary,
        "parameters": [*_path_parameters(route), *_query_parameters(route), *_headers(route)],
        "responses": {
            str(route.status): _response(
                HTTPStatus(route.status).phrase,
                route.answer,
                schema_of,
                (route.media_type, *route.also),
            ),
            **_failures(route, schema_of),
        },
    }
    if route.body is not Nothing:
        content = {"application/json": {"schema": schema_of[route.body]}}
        operation["requestBody"] = {"required": not route.body.may_be_empty, "content": content}
    if route.takes:
        content = {each: {"schema": {}} for each in route.takes}
        operation["requestBody"] = {"required": True, "content": content}
    if route.access == "operator":
        operation["security"] = [{}, {"bearer": []}]
    elif route.access != "public":
        operation["security"] = [{"bearer": []}]
    return operation


def _failures(route: Route, schema_of: dict[type, Any]) -> dict[str, Any]:
    codes: set[ErrorCode] = {"bad_request", "internal", "unavailable", *route.errors}
    if route.access != "public":
        codes |= {"unauthenticated", "forbidden"}
    if route.is_limited:
        codes |= {"rate_limited", "overloaded"}
    if route.keeps_answer:
        codes.add("conflict")
    if "{" in route.path:
        codes.add("not_found")
    shown = {STATUS[code] for code in codes}
    kinds = {400: WrongFields, 500: Incident}
    failures = {
        str(status): _response(HTTPStatus(status).phrase, kinds.get(status, Problem), schema_of)
        for status in sorted(shown)
    }
    if "price_changed" in route.errors:
        either = [schema_of[Problem], schema_of[ChangedPrice]]
        failures["409"]["content"]["application/json"]["schema"] = {"anyOf": either}
    if route.path == "/readyz":
        failures["503"] = _response("Not ready", route.answer, schema_of)
    return failures


def _response(
    words: str,
    kind: type | None,
    schema_of: dict[type, Any],
    media_types: Sequence[str] = ("application/json",),
) -> dict[str, Any]:
    content = {
        each: {"schema": schema_of[kind] if kind else {"type": "string"} if "text" in each else {}}
        for each in media_types
    }
    return {"description": words, "content": content}


def _path_parameters(route: Route) -> list[dict[str, Any]]:
    return [
        {
            "name": part[1 : part.index("}")],
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1, "maxLength": 64},
        }
        for part in route.path.split("/")
        if part.startswith("{")
    ]


def _query_parameters(route: Route) -> list[dict[str, Any]]:
    _, components = msgspec.json.schema_components([route.query], ref_template=REFERENCE)
    shape = components[route.query.__name__]
    return [
        {
            "name": name,
            "in": "query",
            "required": name in shape.get("required", []),
            "schema": _sendable(schema),
        }
        for name, schema in shape["properties"].items()
    ]


def _sendable(schema: dict[str, Any]) -> dict[str, Any]:
    """A query has no null: what may be left out is simply left out."""
    kinds = [kind for kind in schema.get("anyOf", []) if kind != {"type": "null"}]
    return kinds[0] if len(kinds) == 1 else schema


def _headers(route: Route) -> list[dict[str, Any]]:
    if not route.keeps_answer:
        return []
    schema = {"type": "string", "minLength": 1, "maxLength": 255, "pattern": "^[!-~]+$"}
    return [{"name": "Idempotency-Key", "in": "header", "required": False, "schema": schema}]
