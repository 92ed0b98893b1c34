"""The signing keys: next, current and previous; sealed in the store, open in memory."""

import json
import secrets
from typing import Any, Final

import structlog
import trio
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from joserfc.jwk import RSAKey

from core.ports.clock import Clock
from storage.credentials.master_key import MasterKeyError
from storage.credentials.records import KeyStore, Part, SealedKey

KEY_BITS: Final = 2_048
ROTATE_AFTER: Final = 30 * 86_400.0
RELOAD_EVERY: Final = 60.0
_NONCE_BYTES: Final = 12

log = structlog.get_logger()


class SigningKeys:
    """The RSA keys that sign access tokens, as all nodes share them.

    A key is published as `next` for a whole rotation before it signs, and as `previous` after, so a
    rotation refuses no token and no node meets a key that it could not have read before.
    """

    def __init__(self, store: KeyStore, master_key: bytes, clock: Clock) -> None:
        self._store, self._clock = store, clock
        self._cipher = AESGCM(master_key)
        self._keys: dict[str, RSAKey] = {}
        self._current = ""
        self._current_since = 0
        self._sought_at = float("-inf")
        self._reloads = self._rotations = 0

    async def load(self) -> None:
        """Read the keys, making the first ones. Call before anything else. Raises
        `MasterKeyError` when the master key is not the one they were sealed under."""
        sealed = await self._store.all()
        if not sealed:
            await self._store.begin([await self._fresh("current"), await self._fresh("next")])
            sealed = await self._store.all()
        self._keys = {key.kid: self._opened(key) for key in sealed}
        current = next(key for key in sealed if key.part == "current")
        self._current, self._current_since = current.kid, current.since
        self._reloads += 1

    async def rotate(self) -> None:
        """Sign with the next key from now on."""
        await self._store.rotate(self._current, await self._fresh("next"))
        await self.load()
        self._rotations += 1
        log.info("credentials.keys_rotated", kid=self._current)

    async def tend(self) -> None:
        """Read what other nodes did; rotate when the current key is old. Call every few minutes."""
        await self.load()
        if self._clock.now_ms() - self._current_since >= ROTATE_AFTER * 1_000:
            await self.rotate()

    async def seek(self) -> bool:
        """A token named a key we do not have: read them again, at most once a minute, because
        anybody can invent a name. Whether that was done."""
        now = self._clock.monotonic()
        if now - self._sought_at < RELOAD_EVERY:
            return False
        self._sought_at = now
        await self.load()
        return True

    @property
    def current(self) -> tuple[str, RSAKey]:
        """The kid and key to sign with."""
        return self._current, self._keys[self._current]

    def find(self, kid: str) -> RSAKey | None:
        """The key of this name, whichever its part."""
        return self._keys.get(kid)

    def jwks(self) -> dict[str, Any]:
        """The public keys (RFC 7517 §5)."""
        return {"keys": [key.as_dict(private=False) for key in self._keys.values()]}

    async def _fresh(self, part: Part) -> SealedKey:
        kid = secrets.token_urlsafe(12)
        key = await trio.to_thread.run_sync(lambda: RSAKey.generate_key(KEY_BITS, private=True))
        plain = json.dumps(key.as_dict(private=True)).encode()
        nonce = secrets.token_bytes(_NONCE_BYTES)
        sealed = nonce + self._cipher.encrypt(nonce, plain, kid.encode())
        return SealedKey(kid=kid, part=part, since=self._clock.now_ms(), sealed=sealed)

    def _opened(self, key: SealedKey) -> RSAKey:
        nonce, sealed = key.sealed[:_NONCE_BYTES], key.sealed[_NONCE_BYTES:]
        try:
            plain = self._cipher.decrypt(nonce, sealed, key.kid.encode())
        except InvalidTag:
            raise MasterKeyError(
                "The master key does not open this database's signing keys. "
                "Restore the master key that belongs to the database."
            ) from None
        return RSAKey.import_key(
            json.loads(plain), parameters={"kid": key.kid, "use": "sig", "alg": "RS256"}
        )

    def statistics(self) -> dict[str, int | float]:
        """`keys` held, `reloads`, `rotations`, and the current key's `age` in seconds."""
        age = (self._clock.now_ms() - self._current_since) / 1_000
        return {
            "keys": len(self._keys),
            "reloads": self._reloads,
            "rotations": self._rotations,
            "age": age,
        }
