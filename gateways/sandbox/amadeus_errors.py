"""How Amadeus says no: codes, titles, and the shape of `errors[]`."""

from typing import Final

from gateways.sandbox.exchange import Json, Response

VND: Final = "application/vnd.amadeus+json"

TITLES: Final = {
    1: "CHECK FORMAT",
    141: "SYSTEM ERROR HAS OCCURRED",
    61: "INVALID CURRENCY CODE",
    377: "INVALID - MAX NUMBER OF NIGHTS EXCEEDED",
    381: "INVALID CHECK-IN DATE",
    382: "INVALID CHECK-OUT DATE",
    404: "INVALID START/END DATE COMBINATION",
    424: "NO HOTELS FOUND",
    425: "INVALID DATE",
    477: "INVALID FORMAT",
    572: "INVALID OPTION",
    895: "NOTHING FOUND FOR REQUESTED CITY",
    1157: "INVALID CITY CODE",
    1257: "INVALID PROPERTY CODE",
    1304: "CREDIT CARD NOT ACCEPTED",
    1797: "NOT FOUND",
    2668: "PARAMETER COMBINATION INVALID/RESTRICTED",
    2781: "INVALID LENGTH",
    3237: "PROPERTY CODE NOT FOUND IN SYSTEM",
    3664: "NO ROOMS AVAILABLE AT REQUESTED PROPERTY",
    3843: "INVALID NUMBER OF ADULTS",
    4926: "INVALID DATA RECEIVED",
    6003: "ITEM/DATA NOT FOUND OR DATA NOT EXISTING",
    9112: "TICKETING - TKT",
    10661: "MAXIMUM NUMBER OF OCCURRENCES EXCEEDED",
    11126: "NO PROPERTIES FOUND",
    32171: "MANDATORY DATA MISSING",
    33555: "INVALID ROOM ASSOCIATION",
    34651: "SEGMENT SELL FAILURE",
    36801: "INVALID OFFER ID",
    37200: "PRICE DISCREPANCY",
    38189: "Internal error",
    38190: "Invalid access token",
    38191: "Invalid HTTP header",
    38192: "Access token expired",
    38193: "Access token revoked",
    38194: "Too many requests",
    38195: "Quota limit exceeded",
    38196: "Resource not found",
    38420: "OFFER NOT FOUND",
}
_TEXT_CODES: Final = frozenset({38191})
"""The gateway writes these as text, its own shape of error aside."""

_BY_STATUS: Final = {
    400: 4926,
    401: 38190,
    404: 1797,
    429: 38194,
    500: 141,
    502: 38189,
    503: 38189,
    504: 38189,
}


class RefusalError(Exception):
    """Answered as `errors[]`; whoever raises it has changed nothing yet."""

    def __init__(self, status: int, *errors: Json) -> None:
        super().__init__(status, errors)
        self.status = status
        self.errors = list(errors)


def error(
    code: int,
    detail: str,
    *,
    status: int = 400,
    parameter: str | None = None,
    pointer: str | None = None,
    example: str | None = None,
) -> Json:
    """One item of `errors[]`. At most one of `parameter` and `pointer`."""
    item: Json = {"status": status, "code": code, "title": TITLES[code], "detail": detail}
    if code in _TEXT_CODES:
        item |= {"status": str(status), "code": str(code)}
    source = {"parameter": parameter, "pointer": pointer, "example": example}
    given = {key: value for key, value in source.items() if value is not None}
    return item | {"source": given} if given else item


def refused(
    code: int,
    detail: str,
    *,
    status: int = 400,
    parameter: str | None = None,
    pointer: str | None = None,
    example: str | None = None,
) -> RefusalError:
    """To raise, with one error."""
    return RefusalError(
        status,
        error(code, detail, status=status, parameter=parameter, pointer=pointer, example=example),
    )


def refusal(status: int, errors: list[Json] | None) -> Response:
    """The response; without errors the usual one for that status."""
    if errors is None:
        code = _BY_STATUS.get(status, 141 if status >= 500 else 4926)
        errors = [error(code, TITLES[code].capitalize(), status=status)]
    return Response.of_json(status, {"errors": errors}, content_type=VND)


def answered(payload: Json, status: int = 200) -> Response:
    """Never with a charset: the official SDK would not parse it."""
    return Response.of_json(status, payload, content_type=VND)
