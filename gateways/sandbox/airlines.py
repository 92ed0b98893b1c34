"""What airlines do by themselves, asked for by the control port: the words that all suppliers share.

`POST /_sandbox/orders/{id or locator}/change?minutes=45` moves a live order's flights, `…/airline-cancel` cancels it.
"""

import re
from typing import Final

from gateways.sandbox.exchange import Request, Response

USUAL_MINUTES: Final = 45
MOST_MINUTES: Final = 1_440
_NUMBER: Final = re.compile(r"-?[0-9]{1,4}")


def minutes_of(request: Request) -> int | None:
    """How much later; None: the query says nothing that can be done."""
    text = request.value("minutes") or str(USUAL_MINUTES)
    found = int(text) if _NUMBER.fullmatch(text) else 0
    return found if 0 < abs(found) <= MOST_MINUTES else None


def not_minutes() -> Response:
    return Response.of_json(
        400, {"detail": f"minutes must be 1 to {MOST_MINUTES}, or as many below nothing."}
    )


def gone() -> Response:
    return Response.of_json(409, {"detail": "The order is cancelled: an airline changes no more."})
