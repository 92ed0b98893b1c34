"""What Amadeus' answers other than success mean to us: pure. Source: the reference's tables of codes.

An error is judged by three things that may contradict each other: the status of the response, the
status that its first error names, and that one's code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from protocol.suppliers import Refused, RejectedKind

Verdict = Literal[
    "token",  # refused, but a new one will do
    "config",  # our keys or rights: no call will succeed until somebody acts
    "bug",  # a request that we should never have made
    "too_fast",  # turned away before it was looked at
    "quota",  # the month's calls are used up
    "trouble",  # theirs: a read may be repeated, and what changes something may have been done
    "not_found",
    "nothing",  # the question was good and there is none
    "malformed",
    "stale",  # search again
    "sold_out",
    "price_changed",
    "refused",
]

_CODES: Final[Mapping[Verdict, frozenset[int]]] = {
    "token": frozenset({38190, 38192}),
    "config": frozenset({38187, 38193, 38197, 39683, 39686}),
    "bug": frozenset({38191, 38196}),
    "too_fast": frozenset({38194}),
    "quota": frozenset({38195}),
    # Some of these come with a 400, as if the request had been wrong.
    "trouble": frozenset({11, 141, 450, 784, 4070, 21934, 25860, 36870, 38189, 38660}),
    "not_found": frozenset({1797}),
    "nothing": frozenset({424, 895, 6003, 11126}),
    "malformed": frozenset({1, 9, 425, 477, 572, 1157, 2668, 2781, 10661, 32171}),
    "stale": frozenset({4926, 36801, 38420}),
    "sold_out": frozenset({1297, 1999, 3289, 3494, 3664, 6698, 34651}),
    "price_changed": frozenset({37200}),
    "refused": frozenset(
        {1304, 9112, 34107, 34733, 38034}  # flights
        | {1205, 1207, 1317, 1503, 3682, 3843, 4725, 8517, 32315, 33440, 33555, 39871, 41344}
    ),
}
_VERDICTS: Final = {code: verdict for verdict, codes in _CODES.items() for code in codes}
_BY_STATUS: Final[Mapping[int, Verdict]] = {
    401: "config",
    403: "config",
    404: "not_found",
    429: "too_fast",
}
_KINDS: Final[Mapping[Verdict, RejectedKind]] = {
    "not_found": "expired",
    "nothing": "sold_out",
    "stale": "expired",
    "sold_out": "sold_out",
    "price_changed": "price_changed",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class WireError:
    """One error of an answer. `said`: the status in the error itself; `code` 0: it has none."""

    status: int
    said: int = 0
    code: int = 0
    title: str = ""
    detail: str = ""

    @property
    def verdict(self) -> Verdict:
        """A server error is one whichever of the two statuses says so."""
        if max(self.status, self.said) >= 500:
            return "trouble"
        if not 400 <= self.status < 500:
            return "bug"
        return _VERDICTS.get(self.code) or _BY_STATUS.get(self.status, "refused")

    @property
    def refused(self) -> Refused:
        """For who asked about one offer."""
        return Refused(kind=_KINDS.get(self.verdict, "invalid"), detail=self.detail or self.title)

    @property
    def proof(self) -> Refused | None:
        """That what was to be changed was not; None: it may have been. Only codes that the reference lists
        prove something, and turning us away at the door (401, 403, 429). A quota, like a token that is
        no good any more, is over by itself: the same call may be made later."""
        match self.verdict:
            case "token" | "too_fast" | "quota":
                return Refused(kind="quota", detail=str(self))
            case "config":
                return Refused(kind="auth", detail=str(self))
            case verdict if verdict == "trouble" or self.code not in _VERDICTS:
                return None
            case _:
                # Kept, and logged: not in the supplier's own words, which may repeat a name.
                return Refused(kind=self.refused.kind, detail=str(self))

    def __str__(self) -> str:
        """For the log: what it is, and nothing that was asked."""
        said = f" saying {self.said}" if self.said not in (0, self.status) else ""
        return f"{self.status}{said} {self.code or ''} {self.title[:80]}".strip()


def wire_error(status: int, result: object) -> WireError:
    """`result`: the JSON, of whatever shape. Only the first error counts; the token's have a shape of
    their own."""
    body = result if isinstance(result, dict) else {}
    errors = body.get("errors")
    first = errors[0] if isinstance(errors, list) and errors else body
    if not isinstance(first, dict):
        return WireError(status=status)
    return WireError(
        status=status,
        said=_number(first.get("status")),
        code=_number(first.get("code")),
        title=str(first.get("title") or first.get("error") or ""),
        detail=str(first.get("detail") or first.get("error_description") or ""),
    )


def wire_errors(status: int, result: object) -> list[WireError]:
    """As `wire_error`, all of them; at least one."""
    errors = result.get("errors") if isinstance(result, dict) else None
    many = errors if isinstance(errors, list) and errors else [result]
    return [wire_error(status, {"errors": [each]} if errors else each) for each in many]


def _number(value: object) -> int:
    """Some gateways write numbers as text."""
    text = str(value)
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0
