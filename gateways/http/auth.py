"""Becoming somebody: register, log in, refresh, ticket, log out. Answers here are never stored."""

from typing import Annotated, Final

from msgspec import Meta

from core.identity import Permission
from core.ports.credentials import Grant
from core.telemetry import conceal
from core.texts import sentence
from gateways.http.problems import FieldProblem, InvalidFields
from gateways.http.profile import (
    HANDLE_PATTERN,
    MAX_NAME_LENGTH,
    normal_locale,
    require,
)
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from gateways.http.users import OwnUser
from protocol.names import proper_name

_UNFIT: Final = r"@\s\x00-\x1f\x7f\x85\ufeff"  # what `\s` is differs by language
EMAIL_PATTERN: Final = rf"^[^{_UNFIT}]{{1,64}}@[^.{_UNFIT}]+(\.[^.{_UNFIT}]+)+(?!\n)$"
MAX_PASSWORD_LENGTH: Final = 128

Password = Annotated[str, Meta(min_length=1, max_length=MAX_PASSWORD_LENGTH)]
Email = Annotated[str, Meta(max_length=254, pattern=EMAIL_PATTERN, examples=["ana@example.org"])]
Handle = Annotated[str, Meta(pattern=HANDLE_PATTERN, examples=["ana.silva"])]


class Register(Body, frozen=True):
    """A new account. Without `locale`, that of the Accept-Language header."""

    email: Email
    password: Annotated[str, Meta(min_length=8, max_length=MAX_PASSWORD_LENGTH)]
    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME_LENGTH)]
    handle: Handle | None = None
    locale: Annotated[str, Meta(min_length=2, max_length=35)] | None = None


class LogIn(Body, frozen=True):
    """Either `email` or `handle`. `otp` is accepted and not looked at: nobody can set one up yet."""

    password: Password
    email: Annotated[str, Meta(min_length=1, max_length=254)] | None = None
    handle: Annotated[str, Meta(min_length=1, max_length=64)] | None = None
    otp: Annotated[str, Meta(max_length=16)] | None = None


class Refresh(Body, frozen=True):
    """A refresh token, which is spent by this."""

    refresh_token: Annotated[str, Meta(min_length=1, max_length=4_096)]


class Granted(View, frozen=True):
    """A login. `expires_in`: seconds until the access token ends."""

    user: OwnUser
    access_token: str
    refresh_token: str
    expires_in: int


class Ticket(View, frozen=True):
    """A one-time token for `hello`, good for `expires_in` seconds."""

    ticket: str
    expires_in: int


class LoggedOut(View, frozen=True):
    """The login is over."""


async def register(call: Call) -> Reply:
    """Make an account and log in."""
    body: Register = call.body
    conceal(body.password)
    name, locale = proper_name(body.name), normal_locale(body.locale or call.locale)
    require(name=name, locale=locale)
    call.limits.take_login(None, call.address)
    grant = await call.ports.credentials.register(
        call.ports.tenant_id,
        email=body.email,
        password=body.password,
        name=name or "",
        handle=body.handle,
        locale=locale or "en",
    )
    return _granted(grant, 201)


async def log_in(call: Call) -> Reply:
    """Log in by e-mail or handle."""
    body: LogIn = call.body
    conceal(body.password, body.otp)
    account = body.email or body.handle
    if account is None or (body.email is not None and body.handle is not None):
        text = sentence("Give either an e-mail address or a handle.")
        raise InvalidFields([FieldProblem("email", text)])
    call.limits.take_login(account, call.address)
    grant = await call.ports.credentials.login(
        call.ports.tenant_id, email=body.email, handle=body.handle, password=body.password
    )
    return _granted(grant, 200)


async def refresh(call: Call) -> Reply:
    """Exchange a refresh token for a new pair."""
    body: Refresh = call.body
    conceal(body.refresh_token)
    return _granted(await call.ports.credentials.refresh(body.refresh_token), 200)


async def ticket(call: Call) -> Reply:
    """Get a one-time ticket for a socket."""
    value, expires_in = await call.ports.credentials.ticket(call.of())
    conceal(value)
    return json_reply(Ticket(ticket=value, expires_in=expires_in))


async def log_out(call: Call) -> Reply:
    """End this login: its tokens, sessions and sockets."""
    await call.ports.credentials.logout(call.of())
    return json_reply(LoggedOut())


def _granted(grant: Grant, status: int) -> Reply:
    conceal(grant.access_token, grant.refresh_token)
    answer = Granted(
        user=OwnUser.of(grant.user),
        access_token=grant.access_token,
        refresh_token=grant.refresh_token,
        expires_in=grant.expires_in,
    )
    return json_reply(answer, status)


ROUTES: Final = (
    Route(
        method="POST",
        path=f"{API}/auth/register",
        name="register",
        summary="Make an account and log in",
        handle=register,
        access="public",
        body=Register,
        answer=Granted,
        status=201,
        errors=("conflict", "overloaded"),
    ),
    Route(
        method="POST",
        path=f"{API}/auth/login",
        name="login",
        summary="Log in by e-mail or handle",
        handle=log_in,
        access="public",
        body=LogIn,
        answer=Granted,
        errors=("unauthenticated", "overloaded"),
    ),
    Route(
        method="POST",
        path=f"{API}/auth/refresh",
        name="refresh",
        summary="Exchange a refresh token, once, for a new pair",
        handle=refresh,
        access="public",
        body=Refresh,
        answer=Granted,
        errors=("unauthenticated",),
    ),
    Route(
        method="POST",
        path=f"{API}/auth/ticket",
        name="ticket",
        summary="Get a one-time ticket for a socket",
        handle=ticket,
        access=Permission.CHAT,
        answer=Ticket,
    ),
    Route(
        method="POST",
        path=f"{API}/auth/logout",
        name="logout",
        summary="End this login, its tokens and its sockets",
        handle=log_out,
        access="login",
        answer=LoggedOut,
    ),
)
