"""Faults by rule: which requests go wrong, how, how often; and a journal of what fired.

A rule as JSON: `{"match": {"api": "amadeus", "method": "POST", "pathRegex": "/flight-orders$",
"bodyRegex": "SAGA 1", "nth": 2}, "action": {"type": "hang_after_effect"}, "times": 1, "seed": "7"}`.
All parts of `match` must hold; each is optional; without `api` all suppliers are meant. Deciding is pure: counters live in the records.
"""

import re
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Annotated, Any, Final, Literal, TypeVar, assert_never, get_args

from msgspec import Meta, Struct, ValidationError, convert, to_builtins

from gateways.sandbox.draw import share
from gateways.sandbox.fault_actions import (
    Action,
    Millis,
    ShouldRetry,
    StripeAction,
    WebhookAction,
)
from gateways.sandbox.records import Draft, Json

RULES: Final = "sandbox.rules"
JOURNAL: Final = "sandbox.journal"
_COUNTERS: Final = "sandbox.counters"
CONTROL: Final = "control"
WEBHOOKS: Final = "stripe.webhooks"
PAYPAL_WEBHOOKS: Final = "paypal.webhooks"
DUFFEL_WEBHOOKS: Final = "duffel.webhooks"
_BY_NAME: Final = frozenset({CONTROL, WEBHOOKS, PAYPAL_WEBHOOKS, DUFFEL_WEBHOOKS})
"""The apis of the control port and of webhooks: a rule concerns them only by name."""

MAX_RULES: Final = 100
MAX_JOURNAL: Final = 10_000


class Latency(Action, frozen=True, tag="latency"):
    """Everything as usual, `ms` later; several add up."""

    ms: Millis


class Status(Action, frozen=True, tag="status"):
    """Answer with this status and these errors instead; `afterEffect`: what was asked is done."""

    code: Annotated[int, Meta(ge=200, le=599)]
    errors: list[Json] | None = None
    after_effect: bool = False


class StatusMismatch(Action, frozen=True, tag="status_mismatch"):
    """HTTP 400 whose body says status 500, code 141: nothing is done."""


class RateLimit(Action, frozen=True, tag="rate_limit"):
    """429, refused before anything is done."""


class HangBeforeEffect(Action, frozen=True, tag="hang_before_effect"):
    """Nothing is done and nothing answered, until the client goes."""


class HangAfterEffect(Action, frozen=True, tag="hang_after_effect"):
    """It is done; nothing is answered, until the client goes."""


class ResetBefore(Action, frozen=True, tag="reset_before"):
    """Nothing is done; the connection is reset."""


class ResetAfter(Action, frozen=True, tag="reset_after"):
    """It is done; the connection is reset."""


class LateEffect(Action, frozen=True, tag="late_effect"):
    """Nothing is answered; `ms` later it is done all the same (not if the sandbox ends before)."""

    ms: Millis


class TruncateBody(Action, frozen=True, tag="truncate_body"):
    """It is done; half of the answer is sent, then the connection closes."""


class BadJson(Action, frozen=True, tag="bad_json"):
    """It is done; the answer's JSON is cut in half, its length fits."""


class WrongContentType(Action, frozen=True, tag="wrong_content_type"):
    """It is done; the answer has this type (default: its own with a charset)."""

    content_type: str | None = None


class Html502(Action, frozen=True, tag="html_502"):
    """A proxy's page; `afterEffect`: what was asked is done."""

    after_effect: bool = False


class TokenRevoke(Action, frozen=True, tag="token_revoke"):
    """The token that the request carries is revoked before it is looked at."""


class TokenExpire(Action, frozen=True, tag="token_expire"):
    """The token that the request carries expires before it is looked at."""


class SellOut(Action, frozen=True, tag="sell_out"):
    """No seats: on flights whose key begins with `flight` (`YY482`), in `fareClass` or all."""

    flight: str = ""
    fare_class: str | None = None


class PriceDrift(Action, frozen=True, tag="price_drift"):
    """Prices are so many percent higher or lower."""

    percent: Annotated[float, Meta(ge=-90, le=900)]


class ScheduleChange(Action, frozen=True, tag="schedule_change"):
    """The airline moves the flights of the order that is read by so many minutes, for good: at Duffel a change
    that waits to be accepted."""

    minutes: Annotated[int, Meta(ge=-1_440, le=1_440)] = 45


class TicketRefuse(Action, frozen=True, tag="ticket_refuse"):
    """Issuing is refused."""

    reason: str = "TICKETING REFUSED BY CARRIER"


class PnrAutocancelNow(Action, frozen=True, tag="pnr_autocancel_now"):
    """Orders that would be cancelled by themselves are, now; `locator`: only that one."""

    locator: str | None = None


class FeedLag(Action, frozen=True, tag="feed_lag"):
    """The list of orders (`/_sandbox/pnrs`) hides those made in the last `ms` of wall time."""

    ms: Millis


TransportAction = (
    Latency
    | Status
    | StatusMismatch
    | RateLimit
    | HangBeforeEffect
    | HangAfterEffect
    | ResetBefore
    | ResetAfter
    | LateEffect
    | TruncateBody
    | BadJson
    | WrongContentType
    | Html502
    | ShouldRetry
)
DomainAction = (
    TokenRevoke
    | TokenExpire
    | SellOut
    | PriceDrift
    | ScheduleChange
    | TicketRefuse
    | PnrAutocancelNow
    | FeedLag
    | StripeAction
)
AnyAction = TransportAction | DomainAction | WebhookAction
A = TypeVar("A", bound=Action)


class Match(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """Which requests. `nth`: not before the nth that matches the rest (1 is the first). `chance`: each
    with this probability, drawn from the rule's seed. Regular expressions are searched, in the raw
    path and the body."""

    api: str | None = None
    method: str | None = None
    path_regex: str | None = None
    body_regex: str | None = None
    nth: Annotated[int, Meta(ge=1)] = 1
    chance: Annotated[float, Meta(ge=0, le=1)] = 1.0


class Rule(Struct, frozen=True, forbid_unknown_fields=True, rename="camel"):
    """`times`: how often it fires; None: for ever."""

    match: Match
    action: AnyAction
    times: Annotated[int, Meta(ge=1)] | None = 1
    seed: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fired:
    rule_id: str
    action: AnyAction


class RuleError(ValueError):
    """A rule that cannot be taken; the sentence names the field."""


def add_rule(draft: Draft, posted: Any) -> Json:
    """Keep it, as `{"id", "rule", "seen", "fired"}`. Raises `RuleError`."""
    try:
        rule = convert(posted, Rule)
    except ValidationError as error:
        raise RuleError(f"This is no rule: {error}.") from None
    for name, pattern in (
        ("pathRegex", rule.match.path_regex),
        ("bodyRegex", rule.match.body_regex),
    ):
        try:
            re.compile(pattern or "")
        except re.error as error:
            raise RuleError(f"match.{name} is no regular expression: {error}.") from None
    if sum(1 for _ in draft.scan(RULES)) >= MAX_RULES:
        raise RuleError(f"There are {MAX_RULES} rules already: delete some first.")
    rule_id = f"{next_number(draft, RULES):06}"
    kept: Json = {"id": rule_id, "rule": to_builtins(rule), "seen": 0, "fired": 0}
    draft.put(RULES, rule_id, kept)
    return kept


def delete_rules(draft: Draft, rule_id: str | None = None) -> int:
    """That one, or all; how many there were."""
    ids = [key for key, _ in draft.scan(RULES) if rule_id in (None, key)]
    for each in ids:
        draft.delete(RULES, each)
    return len(ids)


def decide(draft: Draft, *, api: str, method: str, path: str, body: bytes) -> tuple[Fired, ...]:
    """The rules that fire for this request, oldest first; their counters move on in the draft."""
    fired: list[Fired] = []
    for rule_id, kept in list(draft.scan(RULES)):
        rule = convert(kept["rule"], Rule)
        is_spent = rule.times is not None and kept["fired"] >= rule.times
        if is_spent or not _concerns(rule.match, api, method, path, body):
            continue
        seen = kept["seen"] + 1
        fires = seen >= rule.match.nth and share(rule.seed, "chance", seen) < rule.match.chance
        draft.put(RULES, rule_id, {**kept, "seen": seen, "fired": kept["fired"] + fires})
        if fires:
            fired.append(Fired(rule_id=rule_id, action=rule.action))
    return tuple(fired)


def domain(fired: tuple[Fired, ...]) -> tuple[DomainAction, ...]:
    """Those that a machine must know of."""
    return tuple(each.action for each in fired if isinstance(each.action, get_args(DomainAction)))


def only(faults: tuple[DomainAction, ...], kind: type[A]) -> tuple[A, ...]:
    """Those of one kind."""
    return tuple(each for each in faults if isinstance(each, kind))


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What the shell does with one request: wait `delay_ms`, do it (`now`, `never`, or `late_ms` after
    the client was given up), answer with `instead` or the machine's response, spoiled or not."""

    delay_ms: int = 0
    effect: Literal["now", "never", "late"] = "now"
    late_ms: int = 0
    instead: Status | StatusMismatch | RateLimit | Html502 | None = None
    spoil: TruncateBody | BadJson | WrongContentType | None = None
    should_retry: bool | None = None
    reply: Literal["sent", "hung", "reset"] = "sent"


def plan(fired: tuple[Fired, ...]) -> Plan:
    """Latencies add up; of the rest the first of its sort counts: whether it is done and answered,
    what is answered instead, how the answer is spoiled."""
    found = Plan()
    for each in fired:
        found = _with(found, each.action)
    return found


def _with(plan: Plan, action: AnyAction) -> Plan:
    match action:
        case Latency():
            return replace(plan, delay_ms=plan.delay_ms + action.ms)
        case HangBeforeEffect() | ResetBefore() | HangAfterEffect() | ResetAfter() | LateEffect():
            return plan if plan.reply != "sent" else _unanswered(plan, action)
        case Status() | Html502():
            if plan.instead is not None:
                return plan
            return replace(
                plan, effect=plan.effect if action.after_effect else "never", instead=action
            )
        case RateLimit() | StatusMismatch():
            return plan if plan.instead else replace(plan, effect="never", instead=action)
        case TruncateBody() | BadJson() | WrongContentType():
            return plan if plan.spoil else replace(plan, spoil=action)
        case ShouldRetry():
            return replace(plan, should_retry=action.value)
        case _:
            return plan


def _unanswered(
    plan: Plan,
    action: HangBeforeEffect | ResetBefore | HangAfterEffect | ResetAfter | LateEffect,
) -> Plan:
    match action:
        case HangBeforeEffect():
            return replace(plan, effect="never", reply="hung")
        case HangAfterEffect():
            return replace(plan, reply="hung")
        case ResetBefore():
            return replace(plan, effect="never", reply="reset")
        case ResetAfter():
            return replace(plan, reply="reset")
        case LateEffect():
            return replace(plan, effect="late", late_ms=action.ms, reply="hung")
        case _:
            assert_never(action)


def write_journal(draft: Draft, entry: Json) -> None:
    """Keep it under the next number; the oldest goes when there are more than `MAX_JOURNAL`."""
    number = next_number(draft, JOURNAL)
    draft.put(JOURNAL, f"{number:09}", {"seq": number, **entry})
    if number > MAX_JOURNAL:
        draft.delete(JOURNAL, f"{number - MAX_JOURNAL:09}")


def next_number(draft: Draft, of: str) -> int:
    """1, 2, 3, … by name, each once."""
    found = draft.get(_COUNTERS, of)
    number = 1 if found is None else int(found["n"]) + 1
    draft.put(_COUNTERS, of, {"n": number})
    return number


def _concerns(match: Match, api: str, method: str, path: str, body: bytes) -> bool:
    return (
        (match.api == api or (match.api is None and api not in _BY_NAME))
        and match.method in (None, method)
        and (match.path_regex is None or _found(match.path_regex, path))
        and (match.body_regex is None or _found(match.body_regex, body.decode(errors="replace")))
    )


def _found(pattern: str, text: str) -> bool:
    return _compiled(pattern).search(text) is not None


@lru_cache(maxsize=2 * MAX_RULES)
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern)
