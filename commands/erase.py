"""A person is forgotten: their messages are taken back and their rooms left as by a client of their own,
so that everybody's screens follow; then every table forgets them."""

import random
from collections.abc import Iterable
from typing import Any, Final, Protocol

import trio

from commands.data_directory import find_server
from commands.database import database_of
from commands.erased_again import note_erased
from commands.seed_tokens import key_of_server
from core.clock import SystemClock
from core.config import Config
from core.errors import Rejected
from core.identity import DEFAULT_TENANT
from core.ids import ProcessIds
from core.ports.repositories import User
from loadtest.accounts import Api, ApiError
from loadtest.client import Refused, Session, open_session
from loadtest.connection import dial_url
from loadtest.wire import Frame
from storage.credentials.keys import SigningKeys
from storage.credentials.tokens import AccessTokens
from storage.postgres.erasure import OwnRoom, erase, shut_out
from storage.postgres.signing_keys import PostgresKeys
from storage.postgres.users import PostgresUsers

REST_FOR: Final = 1.0
UNAUTHENTICATED: Final = 401
PUT_OFF: Final = (429, 503, 504)
"""HTTP's words for later."""


class EraseError(RuntimeError):
    """Nobody was erased, or not yet wholly; the sentence says why."""


class _Tokens:
    """Access tokens of the login that the person is left with; `loadtest.client.Credentials`."""

    def __init__(self, tokens: AccessTokens, user: User, login_id: str) -> None:
        self._tokens, self._user, self._login_id = tokens, user, login_id
        self._issued_at = 0.0

    async def token(self, *, stale: str | None = None) -> str:
        self._issued_at = trio.current_time()
        return self._tokens.issue(self._user, self._login_id)

    @property
    def lives_for(self) -> float:
        return self._issued_at + self._tokens.life - trio.current_time()


async def erased(config: Config, handle: str) -> str:
    """What was done, as a sentence. Raises `EraseError`, `ApiError`, `UnreachableError`; repeated after a
    failure, it does the rest."""
    server = find_server(config.data_dir.resolve())
    if server is None:
        raise EraseError("No Caravan server runs here, whose rooms could be left. Start it first.")
    key, clock = key_of_server(config), SystemClock()
    async with database_of(config) as database:
        user = await PostgresUsers(database).by_handle(DEFAULT_TENANT, handle)
        if user is None:
            raise Rejected("not_found", "There is no such user.")
        login_id = ProcessIds(clock, random.SystemRandom()).uuid7()
        found = await shut_out(
            database, DEFAULT_TENANT, user.id, login_id=login_id, at=clock.now_ms()
        )
        if found is None:
            raise EraseError("A booking of theirs has not ended. End it first, or wait.")
        keys = SigningKeys(PostgresKeys(database), key, clock)
        await keys.load()
        tokens = AccessTokens(keys, clock)
        async with Api(server.http) as api:
            await end_logins(api, (tokens.issue(user, one) for one in found.logins))
            token = tokens.issue(user, login_id)
            await _cancel_consultations(api, token)
        credentials = _Tokens(tokens, user, login_id)
        session = Session(
            dial=dial_url(server.ws), credentials=credentials, on_event=lambda event: None
        )
        async with open_session(session):
            for room in found.rooms:
                await _leave(session, room, user.id)
        # Before it is so: whoever restores a backup must know of it.
        note_erased(config.data_dir, user.id)
        messages = await erase(database, DEFAULT_TENANT, user.id)
    if messages is None:
        raise EraseError(
            "A booking with them began meanwhile. End it, or wait; then call this again."
        )
    return f"{handle} is gone: {messages} messages and edits have no text any more."


class Caller(Protocol):
    """An `Api`, or what plays it."""

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Frame | None = None,
        token: str | None = None,
        query: dict[str, str] | None = None,
    ) -> Any: ...


async def call_patiently(api: Caller, method: str, path: str, **fields: Any) -> Any:
    """As `Api.call`, until it is not put off any more: a person's calls are counted, and a busy client of
    theirs may use them all up."""
    while True:
        try:
            return await api.call(method, path, **fields)
        except ApiError as error:
            if error.status not in PUT_OFF:
                raise
            await trio.sleep(error.retry_after or REST_FOR)


async def end_logins(api: Caller, tokens: Iterable[str]) -> None:
    """The server closes their sockets. One that has ended by itself meanwhile is none any more."""
    for token in tokens:
        try:
            await call_patiently(api, "POST", "/auth/logout", token=token)
        except ApiError as error:
            if error.status != UNAUTHENTICATED:
                raise


async def _cancel_consultations(api: Api, token: str) -> None:
    """Those that still can be, so that the other one is told."""
    query: dict[str, str] = {}
    while True:
        page = await call_patiently(api, "GET", "/consultations", token=token, query=query)
        for one in page["items"]:
            path = f"/consultations/{one['id']}/cancel"
            try:
                await call_patiently(api, "POST", path, body={}, token=token)
            except ApiError as error:
                if error.status != 409:  # too late
                    raise
        if page["nextCursor"] is None:
            return
        query = {"cursor": page["nextCursor"]}


async def _leave(session: Session, room: OwnRoom, user_id: str) -> None:
    """With their personas. A room that only two are in cannot be left: there they stay, without a name."""
    seated: list[Frame] = []
    if room.state == "joined":
        joined = await _asked(session, "room.join", roomId=room.room_id)
        seated = joined["room"]["personas"] if joined is not None else []
    for message_id in room.messages:
        await _asked(session, "chat.delete", roomId=room.room_id, messageId=message_id)
    if room.kind == "group":
        await _asked(session, "room.leave", roomId=room.room_id)
        return
    for persona in seated:
        if persona["ownerId"] == user_id:
            out = {"roomId": room.room_id, "personaId": persona["id"], "active": False}
            await _asked(session, "room.persona", **out)


async def _asked(session: Session, kind: str, **fields: object) -> Frame | None:
    """Until it is done, or is no more to be done (None): what is refused for good, the tables forget later."""
    while True:
        try:
            return await session.ask(kind, within=None, **fields)
        except Refused as refusal:
            if not refusal.is_temporary:
                return None
            await trio.sleep(refusal.retry_after or REST_FOR)
