"""Argon2id in worker threads: at most two at once, a bounded number waiting."""

import base64
import secrets
import unicodedata
from dataclasses import dataclass
from typing import Final

import argon2
import trio

from core.errors import Overloaded

MEMORY_KIB: Final = 32 * 1_024
ROUNDS: Final = 2
THREADS: Final = 2
MAX_WAITING: Final = 100
_HASH_BYTES: Final = 32
_SALT_BYTES: Final = 16


@dataclass(frozen=True, slots=True)
class Verdict:
    """`renewed` is the password's hash under today's parameters, when the stored one was older."""

    is_right: bool
    renewed: str | None = None


class Passwords:
    """Hashes and checks passwords.

    The defaults (32 MiB, 2 rounds, 1 lane: 40 ms) are above OWASP's minimum (19 MiB, 2, 1) and below
    RFC 9106's second choice (64 MiB, 3, 4). One lane, because four would take both cores of a small
    server away from its event loop; with two hashes at once, logins take at most 64 MiB and
    some 40 of them pass per second. Who has cores to spare passes more: hashes change at the next
    login.
    """

    def __init__(
        self,
        *,
        memory_kib: int = MEMORY_KIB,
        rounds: int = ROUNDS,
        lanes: int = 1,
        threads: int = THREADS,
        max_waiting: int = MAX_WAITING,
    ) -> None:
        self._hasher = argon2.PasswordHasher(
            time_cost=rounds,
            memory_cost=memory_kib,
            parallelism=lanes,
            hash_len=_HASH_BYTES,
            salt_len=_SALT_BYTES,
        )
        self._nobodys = _unmatched(memory_kib, rounds, lanes)
        self._threads = trio.CapacityLimiter(threads)
        self._max_waiting = max_waiting
        self._hashed = self._refused = 0

    async def hash(self, password: str) -> str:
        """Raises `Overloaded` when too many are waiting."""
        self._admit()
        return await trio.to_thread.run_sync(
            self._hasher.hash, _bytes(password), limiter=self._threads
        )

    async def check(self, password: str, stored: str | None) -> Verdict:
        """Whether `password` made `stored`. For None (nobody's) the answer is no and takes as long.

        Raises `Overloaded` when too many are waiting.
        """
        self._admit()
        return await trio.to_thread.run_sync(
            self._check,
            password,
            self._nobodys if stored is None else stored,
            limiter=self._threads,
        )

    def _admit(self) -> None:
        if self._threads.statistics().tasks_waiting >= self._max_waiting:
            self._refused += 1
            raise Overloaded
        self._hashed += 1

    def _check(self, password: str, stored: str) -> Verdict:
        plain = _bytes(password)
        try:
            self._hasher.verify(stored, plain)
        except argon2.exceptions.VerifyMismatchError:
            return Verdict(False)
        if self._hasher.check_needs_rehash(stored):
            return Verdict(True, self._hasher.hash(plain))
        return Verdict(True)

    def statistics(self) -> dict[str, int | float]:
        """Passwords `hashed`, those `refused`, and how many run and wait now."""
        threads = self._threads.statistics()
        return {
            "hashed": self._hashed,
            "refused": self._refused,
            "running": threads.borrowed_tokens,
            "waiting": threads.tasks_waiting,
        }


def _bytes(password: str) -> bytes:
    """One spelling per text, whichever keyboard typed it (RFC 8265 §4.2); a lone surrogate, which JSON
    can carry, is as good as any other character."""
    return unicodedata.normalize("NFC", password).encode("utf-8", "surrogatepass")


def _unmatched(memory_kib: int, rounds: int, lanes: int) -> str:
    """A well-formed hash that no password is known to make: random bytes in the hash's place."""
    salt, digest = (
        base64.b64encode(secrets.token_bytes(size)).decode().rstrip("=")
        for size in (_SALT_BYTES, _HASH_BYTES)
    )
    return f"$argon2id$v=19$m={memory_kib},t={rounds},p={lanes}${salt}${digest}"
