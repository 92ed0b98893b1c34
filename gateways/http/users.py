"""Profiles: one's own, and what others see of it."""

from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec
from msgspec import UNSET, Meta, UnsetType

from core.errors import Rejected
from core.identity import Permission
from core.ports.repositories import User, UserPatch
from gateways.http.profile import (
    HANDLE_PATTERN,
    MAX_NAME_LENGTH,
    TravelPreferences,
    known_currency,
    known_time_zone,
    normal_locale,
    require,
)
from gateways.http.routes import API, Body, Call, Reply, Route, View, json_reply
from protocol.names import proper_name


class PublicUser(View, frozen=True):
    """What anybody logged in may see of somebody. `created_at`: ms since the epoch."""

    id: str
    handle: str
    name: str
    role: str
    locale: str
    created_at: int

    @classmethod
    def of(cls, user: User) -> "PublicUser":
        return cls(**_public(user))


class OwnUser(PublicUser, frozen=True):
    """What somebody sees of themselves. `preferences`: as `TravelPreferences`."""

    email: str
    time_zone: str
    currency: str
    preferences: Mapping[str, Any]

    @classmethod
    def of(cls, user: User) -> "OwnUser":
        return cls(
            **_public(user),
            email=user.email,
            time_zone=user.time_zone,
            currency=user.currency,
            preferences=user.preferences,
        )


def _public(user: User) -> dict[str, Any]:
    return {
        "id": user.id,
        "handle": user.handle,
        "name": user.name,
        "role": user.role.value,
        "locale": user.locale,
        "created_at": user.created_at,
    }


class ChangeProfile(Body, frozen=True):
    """What is absent stays. `preferences` replace the former ones as a whole."""

    name: Annotated[str, Meta(min_length=1, max_length=MAX_NAME_LENGTH)] | UnsetType = UNSET
    handle: Annotated[str, Meta(pattern=HANDLE_PATTERN, examples=["ana.silva"])] | UnsetType = UNSET
    locale: Annotated[str, Meta(min_length=2, max_length=35)] | UnsetType = UNSET
    time_zone: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    currency: Annotated[str, Meta(max_length=16)] | UnsetType = UNSET
    preferences: TravelPreferences | UnsetType = UNSET


class ByHandle(Body, frozen=True):
    """Whom one looks for; case does not matter."""

    handle: Annotated[str, Meta(min_length=1, max_length=64)]


async def read_me(call: Call) -> Reply:
    """One's own profile."""
    who = call.of()
    user = await call.ports.users.get(who.tenant_id, who.user_id)
    return json_reply(OwnUser.of(_found(user)))


async def change_me(call: Call) -> Reply:
    """Change one's own profile, all of it or nothing."""
    who, change = call.of(), call.body
    agrees = None if change.preferences is UNSET else change.preferences.share_mood
    patch = _patch(change)
    try:
        user = await call.ports.users.patch(who.tenant_id, who.user_id, patch)
    finally:
        # Also where nobody knows whether it was stored: a figure that is forgotten for nothing comes again.
        if agrees is False:
            call.ports.mood_agreed(who.user_id, False)
    if agrees:
        call.ports.mood_agreed(who.user_id, True)
    return json_reply(OwnUser.of(user))


async def read_user(call: Call) -> Reply:
    """Somebody's public profile."""
    user = await call.ports.users.get(call.of().tenant_id, call.path["id"])
    return json_reply(PublicUser.of(_found(user)))


async def find_user(call: Call) -> Reply:
    """The public profile under a handle."""
    query: ByHandle = call.query
    handle = query.handle.removeprefix("@")
    user = await call.ports.users.by_handle(call.of().tenant_id, handle)
    return json_reply(PublicUser.of(_found(user)))


def _found(user: User | None) -> User:
    if user is None:
        raise Rejected("not_found", "There is no such user.")
    return user


def _patch(change: ChangeProfile) -> UserPatch:
    judged: dict[str, str | None] = {}
    if change.name is not UNSET:
        judged["name"] = proper_name(change.name)
    if change.locale is not UNSET:
        judged["locale"] = normal_locale(change.locale)
    if change.time_zone is not UNSET:
        judged["time_zone"] = known_time_zone(change.time_zone)
    if change.currency is not UNSET:
        judged["currency"] = known_currency(change.currency)
    preferences, languages = _preferences(change.preferences)
    require(**judged, languages=None if None in languages else languages)
    return UserPatch(
        **judged,
        handle=None if change.handle is UNSET else change.handle,
        preferences=preferences,
    )


def _preferences(
    preferences: TravelPreferences | UnsetType,
) -> tuple[Mapping[str, Any] | None, list[str | None]]:
    """As JSON for the store; and its languages, each None that is none."""
    if preferences is UNSET:
        return None, []
    languages = [normal_locale(tag) for tag in preferences.languages]
    stored: dict[str, Any] = msgspec.to_builtins(preferences)
    return (stored | {"languages": languages} if languages else stored), languages


ROUTES: Final = (
    Route(
        method="GET",
        path=f"{API}/users/me",
        name="readMe",
        summary="One's own profile",
        handle=read_me,
        access="login",
        answer=OwnUser,
    ),
    Route(
        method="PATCH",
        path=f"{API}/users/me",
        name="changeMe",
        summary="Change one's own profile; preferences are replaced as a whole",
        handle=change_me,
        access=Permission.MANAGE_OWN_PROFILE,
        body=ChangeProfile,
        answer=OwnUser,
        errors=("conflict",),
        keeps_answer=True,
    ),
    Route(
        method="GET",
        path=f"{API}/users/{{id}}",
        name="readUser",
        summary="Somebody's public profile",
        handle=read_user,
        access="login",
        answer=PublicUser,
        errors=("not_found",),
    ),
    Route(
        method="GET",
        path=f"{API}/users",
        name="findUser",
        summary="The public profile under a handle",
        handle=find_user,
        access="login",
        query=ByHandle,
        answer=PublicUser,
        errors=("not_found",),
    ),
)
