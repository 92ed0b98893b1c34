"""Access tokens: RS256 JWTs (RFC 7519), and nothing else that calls itself a JWT (RFC 8725)."""

from typing import Final

import msgspec
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import GuestProtocol, RSAKey

from core.errors import Rejected, TokenExpired
from core.identity import Principal, Role
from core.ports.clock import Clock
from core.ports.repositories import User
from storage.credentials.keys import SigningKeys

ALGORITHM: Final = "RS256"
ISSUER: Final = "caravan"
AUDIENCE: Final = "caravan"
LIFE: Final = 900
LEEWAY: Final = 60
"""Seconds, as is `LIFE`; for the clocks of other nodes."""

MAX_LENGTH: Final = 4_096
_HEADERS: Final = frozenset({"alg", "kid", "typ"})


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """What a token says. Times in seconds since the epoch; `sid` is the login."""

    iss: str
    aud: str
    sub: str
    tid: int
    role: Role
    name: str
    handle: str
    locale: str
    sid: str
    iat: int
    exp: int


class BadToken(Rejected):
    """The token is not one of ours."""

    def __init__(self) -> None:
        super().__init__("unauthenticated", "Your access token is not valid.")


class UnknownKey(BadToken):
    """The token names a key that we do not have (yet)."""


class AccessTokens:
    """Issues and verifies tokens with the shared signing keys."""

    life: Final = LIFE

    def __init__(self, keys: SigningKeys, clock: Clock) -> None:
        self._keys, self._clock = keys, clock

    def issue(self, user: User, login_id: str) -> str:
        """A token for one login, valid for `life` seconds from now."""
        kid, key = self._keys.current
        now = self._clock.now_ms() // 1_000
        claims = Claims(
            iss=ISSUER,
            aud=AUDIENCE,
            sub=user.id,
            tid=user.tenant_id,
            role=user.role,
            name=user.name,
            handle=user.handle,
            locale=user.locale,
            sid=login_id,
            iat=now,
            exp=now + self.life,
        )
        header = {"alg": ALGORITHM, "kid": kid}
        return jwt.encode(header, msgspec.to_builtins(claims), key, algorithms=[ALGORITHM])

    def verify(self, token: str) -> Principal:
        """Raises `BadToken`, `UnknownKey`; `TokenExpired` when only time is wrong."""
        if len(token) > MAX_LENGTH:
            raise BadToken
        try:
            decoded = jwt.decode(token, self._key_of, algorithms=[ALGORITHM])
            claims = msgspec.convert(decoded.claims, Claims)
        except Rejected:
            raise
        # ValueError: no base64, no UTF-8, no JSON; RecursionError: JSON nested on purpose.
        except (JoseError, msgspec.ValidationError, ValueError, TypeError, RecursionError):
            raise BadToken from None
        now = self._clock.now_ms() // 1_000
        is_ours = claims.iss == ISSUER and claims.aud == AUDIENCE
        if not is_ours or claims.iat > now + LEEWAY:
            raise BadToken
        if claims.exp + LEEWAY <= now:
            raise TokenExpired
        return _principal(claims)

    def _key_of(self, token: GuestProtocol) -> RSAKey:
        """Our own key of the token's `kid`: no header brings or points to another one."""
        headers = token.headers()
        kid = headers.get("kid")
        if not isinstance(kid, str) or not _HEADERS.issuperset(headers):
            raise BadToken
        key = self._keys.find(kid)
        if key is None:
            raise UnknownKey
        return key


def _principal(claims: Claims) -> Principal:
    return Principal(
        tenant_id=claims.tid,
        user_id=claims.sub,
        login_id=claims.sid,
        role=claims.role,
        name=claims.name,
        handle=claims.handle,
        locale=claims.locale,
        expires_at=claims.exp * 1_000,
    )
