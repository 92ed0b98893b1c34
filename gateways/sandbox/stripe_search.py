"""Search over payment intents: `metadata['saga_id']:'x' AND status:'succeeded'` (APIS §6.2, §10.9).

Not read-after-write, as with Stripe: what changed a moment ago is not found yet (`searchDelayMs`).
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from gateways.sandbox.exchange import Json
from gateways.sandbox.stripe_form import Params
from gateways.sandbox.stripe_lists import limit_of
from gateways.sandbox.stripe_objects import Call, Kept
from gateways.sandbox.stripe_options import options
from gateways.sandbox.stripe_replies import StripeRefusal, invalid

_CLAUSE: Final = re.compile(
    r"\s*(?P<not>-)?(?:metadata\[(?P<q>['\"])(?P<key>[^'\"]{1,40})(?P=q)\]|(?P<field>[a-z_]+))"
    r"\s*(?P<op>:|>=|<=|>|<)\s*(?:(?P<q2>['\"])(?P<text>(?:\\.|(?!(?P=q2)).)*)(?P=q2)|(?P<number>\d{1,15}))\s*"
)
_JOIN: Final = re.compile(r"(AND|OR)\b")
_TEXTS: Final = ("status", "customer", "currency")
_NUMBERS: Final = ("amount", "created")
MAX_CLAUSES: Final = 10


@dataclass(frozen=True, slots=True)
class _Clause:
    name: str
    is_metadata: bool
    op: str
    value: str
    is_not: bool


def searched(call: Call, url: str, given: Json) -> Json:
    """One page, newest first. Raises `StripeRefusal`."""
    params = Params(given, ("query", "limit", "page"))
    clauses, is_any = _read(params.required("query"))
    limit = limit_of(params)
    page = params.text("page")
    if page and not page.isdecimal():
        raise invalid("Invalid page.", "page")
    newest_first = _candidates(call, clauses, is_any, int(page) if page else None)
    settled = call.setting.now.wall - options(call.setting.records)["searchDelayMs"]
    found: list[Kept] = []
    for kept in newest_first:
        holds = [_holds(each, kept.object) for each in clauses]
        if kept.touched <= settled and (any(holds) if is_any else all(holds)):
            found.append(kept)
        if len(found) > limit:
            break
    more = len(found) > limit
    return {
        "object": "search_result",
        "url": url,
        "has_more": more,
        "next_page": str(found[limit - 1].number) if more else None,
        "data": [each.object for each in found[:limit]],
    }


def _candidates(
    call: Call, clauses: Sequence[_Clause], is_any: bool, below: int | None
) -> Iterator[Kept]:
    if not is_any:
        for each in clauses:
            if each.is_metadata and not each.is_not:
                return call.newest("pi", f"metadata.{each.name}", each.value, below=below)
    return call.newest("pi", below=below)


def _read(query: str) -> tuple[list[_Clause], bool]:
    clauses: list[_Clause] = []
    joins: set[str] = set()
    at = 0
    while True:
        matched = _CLAUSE.match(query, at)
        if matched is None or len(clauses) == MAX_CLAUSES:
            raise _unreadable(query)
        clauses.append(_clause(matched, query))
        at = matched.end()
        if at == len(query):
            break
        join = _JOIN.match(query, at)
        if join is None:
            raise _unreadable(query)
        joins.add(join[1])
        at = join.end()
    if len(joins) > 1:
        raise invalid("AND and OR cannot be combined in one query.", "query")
    return clauses, joins == {"OR"}


def _clause(matched: re.Match[str], query: str) -> _Clause:
    op, text = matched["op"], matched["text"]
    value = matched["number"] if text is None else re.sub(r"\\(.)", r"\1", text)
    is_not = matched["not"] is not None
    if matched["key"] is not None:
        if op != ":" or text is None:
            raise _unreadable(query)
        return _Clause(matched["key"], True, op, value, is_not)
    name = matched["field"]
    is_good = (name in _TEXTS and op == ":" and text is not None) or (
        name in _NUMBERS and value.isdecimal()
    )
    if not is_good:
        raise invalid(f"Field `{name[:40]}` is an unsupported search field for resource.", "query")
    return _Clause(name, False, op, value, is_not)


def _holds(clause: _Clause, of: Json) -> bool:
    value: Any = (of["metadata"] if clause.is_metadata else of).get(clause.name)
    if clause.name in _NUMBERS and not clause.is_metadata:
        wanted = int(clause.value)
        holds = {
            ":": value == wanted,
            ">": value > wanted,
            "<": value < wanted,
            ">=": value >= wanted,
            "<=": value <= wanted,
        }[clause.op]
    else:
        holds = value == clause.value
    return bool(holds) != clause.is_not


def _unreadable(query: str) -> StripeRefusal:
    return invalid(f"We were unable to parse your search query: {query[:200]}", "query")
