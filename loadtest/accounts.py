"""Accounts over HTTP: register, log in, keep an access token fresh (§9)."""

from contextlib import AbstractAsyncContextManager
from typing import Any, Final, Protocol
from urllib.parse import quote

import httpx
import trio

from loadtest.wire import Frame

ANSWER_WITHIN: Final = 20.0
FRESH_FOR: Final = 60.0


class ApiError(Exception):
    """The server answered with an error. `retry_after` in seconds, when it said so."""

    def __init__(self, status: int, message: str, *, retry_after: float | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.retry_after = retry_after

    @property
    def is_temporary(self) -> bool:
        return self.status == 429 or self.status >= 500


class UnreachableError(Exception):
    """No server answers at the address."""


class LoginRefusedError(Exception):
    """The server does not know this handle and password, or the login was ended."""


class TokenKeeper(Protocol):
    """Where a refresh token lives between runs, shared with other processes of the same user."""

    def exclusive(self) -> AbstractAsyncContextManager[None]:
        """Alone with the token: nobody else spends it meanwhile."""

    def load(self) -> str | None: ...

    def save(self, token: str) -> None: ...


class Api:
    """One server's HTTP API. Use as an async context; calls raise `ApiError`, `UnreachableError`, which an
    address that is none raises at once."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        try:
            httpx.URL(self.url).host.encode("idna")  # as the system is asked for it
        except (httpx.InvalidURL, UnicodeError) as error:
            raise UnreachableError(f"No Caravan server answers at {self.url}.") from error
        # A proxy of the environment has no business between us and a server we were pointed at.
        self._client = httpx.AsyncClient(
            base_url=self.url,
            timeout=ANSWER_WITHIN,
            # The certificates of this machine take a while to be read: only for who shows one.
            verify=self.url.startswith("https://"),
            trust_env=False,
        )

    async def __aenter__(self) -> "Api":
        return self

    async def __aexit__(self, *_: object) -> None:
        with trio.CancelScope(shield=True, deadline=trio.current_time() + 1):
            await self._client.aclose()

    async def call(
        self,
        method: str,
        path: str,
        *,
        body: Frame | None = None,
        token: str | None = None,
        query: dict[str, str] | None = None,
    ) -> Any:
        """One call under `/api/v1`; the decoded JSON of a 2xx answer."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self._client.request(
                method, f"/api/v1{path}", json=body, headers=headers, params=query
            )
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise UnreachableError(f"No Caravan server answers at {self.url}.") from error
        if answer.is_success:
            return answer.json() if answer.content else {}
        raise _api_error(answer)

    async def info(self) -> Frame:
        """The server's name, version and socket address."""
        info: Frame = await self.call("GET", "/info")
        return info

    async def metrics(self) -> str:
        """The server's `/metrics`, or nothing when they are not for us."""
        try:
            answer = await self._client.get("/metrics")
        except (httpx.TransportError, httpx.InvalidURL) as error:
            raise UnreachableError(f"No Caravan server answers at {self.url}.") from error
        return answer.text if answer.is_success else ""

    async def user_by_handle(self, token: str, handle: str) -> Frame | None:
        """The user of that handle, or None."""
        return await self._user(token, "/users", {"handle": handle})

    async def user(self, token: str, user_id: str) -> Frame | None:
        """The user of that id, or None."""
        return await self._user(token, f"/users/{quote(user_id, safe='')}", None)

    async def _user(self, token: str, path: str, query: dict[str, str] | None) -> Frame | None:
        try:
            user: Frame = await self.call("GET", path, token=token, query=query)
        except ApiError as error:
            if error.status in (400, 404):
                return None
            raise
        return user

    async def rooms(self, token: str) -> list[Frame]:
        """All rooms of the token's user, invitations included, each with `unread` and `last`."""
        rooms: list[Frame] = []
        query = {"limit": "100"}
        while True:
            page = await self.call("GET", "/chat/rooms", token=token, query=query)
            rooms += page["items"]
            if not page.get("nextCursor"):
                return rooms
            query["cursor"] = page["nextCursor"]


def _api_error(answer: httpx.Response) -> ApiError:
    try:
        body = answer.json()
    except ValueError:
        body = {}
    body = body if isinstance(body, dict) else {}
    fields = body.get("errors") or []
    text = "; ".join(f"{e.get('field')}: {e.get('message')}" for e in fields)
    message = text or str(body.get("error") or f"HTTP status {answer.status_code}")
    after = answer.headers.get("Retry-After", "")
    return ApiError(
        answer.status_code, message, retry_after=float(after) if after.isdigit() else None
    )


class Account:
    """One login. Owns: its tokens. Borrows: the API and, if given, the keeper.

    `token()` may be called by many sessions at once: they share one refresh.
    """

    def __init__(
        self,
        api: Api,
        handle: str,
        *,
        password: str | None = None,
        keeper: TokenKeeper | None = None,
    ) -> None:
        self.api = api
        self.handle = handle
        self.user: Frame = {}
        self._password = password
        self._keeper = keeper
        self._access = ""
        self._refresh: str | None = None
        self._expires_at = -1.0
        self._lock = trio.Lock()

    async def register(self, *, email: str, name: str, password: str) -> None:
        """Make the account and be logged in. 409 (`ApiError`) when handle or e-mail is taken."""
        body = {"email": email, "password": password, "name": name, "handle": self.handle}
        self._accept(await self.api.call("POST", "/auth/register", body=body))
        self._password = password

    async def login(self, password: str) -> None:
        """Raises `LoginRefusedError` when the server does not accept the pair."""
        body = {"handle": self.handle, "password": password}
        try:
            self._accept(await self.api.call("POST", "/auth/login", body=body))
        except ApiError as error:
            if error.status in (401, 403, 404):
                raise LoginRefusedError(error.message) from None
            raise
        self._password = password

    def adopt(self, grant: Frame) -> None:
        """Go on with a login that another process made (its `grant`)."""
        self.user = grant["user"]
        self._access, self._refresh = grant["accessToken"], grant["refreshToken"]
        self._expires_at = trio.current_time() + grant["expiresIn"]

    @property
    def grant(self) -> Frame:
        """All of this login, for the one process that goes on with it: a refresh token that is
        used twice ends the login."""
        return {
            "user": self.user,
            "accessToken": self._access,
            "refreshToken": self._refresh,
            "expiresIn": self.lives_for,
        }

    async def restore(self) -> bool:
        """Log in with the kept refresh token. False when there is none or it was refused."""
        if self._keeper is None:
            return False
        async with self._lock:
            return await self._exchange()

    async def token(self, *, stale: str | None = None) -> str:
        """An access token that lives for a minute at least, and is not `stale`.

        Raises `LoginRefusedError` when the login has ended and no password is known.
        """
        async with self._lock:
            if self.lives_for > FRESH_FOR and self._access != stale:
                return self._access
            if not await self._exchange():
                if self._password is None:
                    raise LoginRefusedError("The login has ended: log in again.")
                await self.login(self._password)
            return self._access

    async def ticket(self) -> str:
        """A one-time token for `hello`, good for 30 s."""
        answer = await self.api.call("POST", "/auth/ticket", token=await self.token())
        return str(answer["ticket"])

    @property
    def lives_for(self) -> float:
        """Seconds until the access token expires."""
        return self._expires_at - trio.current_time()

    async def _exchange(self) -> bool:
        """Spend the refresh token for a new pair. Another process may have done so before us."""
        if self._keeper is None:
            return await self._spend(self._refresh)
        async with self._keeper.exclusive():
            return await self._spend(self._keeper.load())

    async def _spend(self, refresh: str | None) -> bool:
        if refresh is None:
            return False
        try:
            answer = await self.api.call("POST", "/auth/refresh", body={"refreshToken": refresh})
        except ApiError as error:
            if error.is_temporary:
                raise
            return False
        self._accept(answer)
        return True

    def _accept(self, answer: Frame) -> None:
        self.user = answer["user"]
        self._access = answer["accessToken"]
        self._refresh = answer["refreshToken"]
        self._expires_at = trio.current_time() + answer["expiresIn"]
        if self._keeper is not None:
            self._keeper.save(answer["refreshToken"])
