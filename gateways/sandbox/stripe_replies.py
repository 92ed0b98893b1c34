"""How Stripe says no: errors as values that end a request (APIS §6.3, §7.2)."""

from typing import Final

from gateways.sandbox.exchange import Json, Response

_DOCS: Final = "https://docs.stripe.com/error-codes/"
_REQUEST: Final = "invalid_request_error"
_USUAL: Final = {
    400: (_REQUEST, "parameter_invalid_empty", "The request was unacceptable."),
    401: (_REQUEST, None, "Invalid API Key provided."),
    402: ("card_error", "card_declined", "Your card was declined."),
    403: (_REQUEST, None, "The provided key does not have the required permissions."),
    404: (_REQUEST, "resource_missing", "No such object."),
    409: (_REQUEST, "lock_timeout", "This object cannot be accessed right now."),
    429: (_REQUEST, "rate_limit", "Request rate limit exceeded."),
}
_BROKEN: Final = ("api_error", None, "An unknown error occurred.")


class StripeRefusal(Exception):
    """Ends a request. `is_kept`: execution had begun, so that the idempotency key keeps this answer;
    what the draft holds by then is done. `error` is the body's."""

    def __init__(self, status: int, error: Json, *, is_kept: bool) -> None:
        super().__init__(error.get("message"))
        self.status = status
        self.error = error
        self.is_kept = is_kept

    def response(self, headers: tuple[tuple[str, str], ...] = ()) -> Response:
        """What the client gets."""
        return Response.of_json(self.status, {"error": self.error}, headers=headers)


def invalid(
    message: str, param: str | None = None, code: str | None = None, *, status: int = 400
) -> StripeRefusal:
    """Parameters that fail validation: nothing began, the key keeps nothing."""
    return StripeRefusal(status, _error(_REQUEST, message, code, param), is_kept=False)


def impossible(
    message: str, code: str | None = None, param: str | None = None, **members: object
) -> StripeRefusal:
    """400 from the endpoint itself. The key keeps it."""
    error = {**_error(_REQUEST, message, code, param), **members}
    return StripeRefusal(400, error, is_kept=True)


def no_such(what: str, id_: str, param: str | None = None) -> StripeRefusal:
    """404 for what the path names (`param` None), else 400."""
    error = _error(_REQUEST, f"No such {what}: '{id_}'", "resource_missing", param or "id")
    return StripeRefusal(404 if param is None else 400, error, is_kept=True)


def declined(code: str, decline_code: str | None, message: str, **members: object) -> StripeRefusal:
    """402. `members`: charge, payment_intent, payment_method."""
    error = _error("card_error", message, code, None)
    if decline_code is not None:
        error["decline_code"] = decline_code
    return StripeRefusal(402, {**error, **members}, is_kept=True)


def failed(type_: str, message: str, code: str | None = None, *, status: int) -> StripeRefusal:
    """Any other; the key keeps nothing."""
    return StripeRefusal(status, _error(type_, message, code, None), is_kept=False)


def usual(status: int, errors: list[Json] | None) -> Response:
    """What Stripe says with this status, or the first of these errors with it, if it is one of
    Stripe's."""
    type_, code, message = _USUAL.get(status, _BROKEN)
    error = _error(type_, message, code, None)
    if errors and isinstance(errors[0].get("type"), str):
        error = errors[0]
    headers = (("request-id", f"req_refused{status}"),)
    return Response.of_json(status, {"error": error}, headers=headers)


def _error(type_: str, message: str, code: str | None, param: str | None) -> Json:
    error: Json = {"type": type_, "message": message}
    if code is not None:
        error |= {"code": code, "doc_url": _DOCS + code.replace("_", "-")}
    if param is not None:
        error["param"] = param
    return error
