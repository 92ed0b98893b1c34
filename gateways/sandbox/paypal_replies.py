"""How PayPal says no: `name`, `message`, `debug_id`, and `details` whose `issue` is what callers read.

Names and issues: PayPal's pages "API responses", "Orders v2 errors" and "Payments v2 errors" (docs/paypal.md).
"""

from typing import Final

from gateways.sandbox.exchange import Json, Response

_NAMES: Final = {
    400: ("INVALID_REQUEST", "Request is not well-formed, syntactically incorrect, or violates schema."),
    401: ("AUTHENTICATION_FAILURE", "Authentication failed due to missing authorization header, or "
          "invalid authentication credentials."),
    403: ("NOT_AUTHORIZED", "Authorization failed due to insufficient permissions."),
    404: ("RESOURCE_NOT_FOUND", "The specified resource does not exist."),
    405: ("METHOD_NOT_SUPPORTED", "The server does not implement the requested HTTP method."),
    409: ("RESOURCE_CONFLICT", "The server has detected a conflict while processing this request."),
    415: ("UNSUPPORTED_MEDIA_TYPE", "The server does not support the request payload's media type."),
    422: ("UNPROCESSABLE_ENTITY", "The requested action could not be performed, semantically incorrect, "
          "or failed business validation."),
    429: ("RATE_LIMIT_REACHED", "Too many requests. Blocked due to rate limiting."),
    503: ("SERVICE_UNAVAILABLE", "Service Unavailable."),
}  # fmt: skip
_BROKEN: Final = ("INTERNAL_SERVER_ERROR", "An internal server error has occurred.")


class PayPalRefusal(Exception):
    """A request that is refused; nothing of it was done unless `links` show where the payer goes."""

    def __init__(
        self,
        status: int,
        issue: str = "",
        description: str = "",
        *,
        links: list[Json] | None = None,
    ) -> None:
        super().__init__(issue or str(status))
        self.status, self.issue = status, issue
        self.description, self.links = description, links or []

    def response(self, debug_id: str) -> Response:
        details: list[Json] = []
        if self.issue:
            details.append({"issue": self.issue, "description": self.description or self.issue})
        return failure(self.status, details, debug_id, self.links)


def failure(
    status: int, details: list[Json], debug_id: str, links: list[Json] | None = None
) -> Response:
    """An error in PayPal's shape."""
    name, message = _NAMES.get(status, _BROKEN)
    said: Json = {"name": name, "message": message, "debug_id": debug_id, "links": links or []}
    if details:
        said["details"] = details
    return Response.of_json(status, said, headers=(("paypal-debug-id", debug_id),))


def unprocessable(
    issue: str, description: str = "", links: list[Json] | None = None
) -> PayPalRefusal:
    """422: understood, and not to be done."""
    return PayPalRefusal(422, issue, description, links=links)


def missing() -> PayPalRefusal:
    """404."""
    return PayPalRefusal(404, "INVALID_RESOURCE_ID", "Specified resource ID does not exist.")


def malformed(issue: str, description: str = "") -> PayPalRefusal:
    """400."""
    return PayPalRefusal(400, issue, description)
