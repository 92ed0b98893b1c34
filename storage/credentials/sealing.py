"""Short secrets, encrypted under the master key (AES-256-GCM; the nonce stands first)."""

import secrets
from typing import Final

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from storage.credentials.master_key import KEY_BYTES, MasterKeyError

_NONCE_BYTES: Final = 12
_PURPOSE: Final = b"caravan webhook secrets"


class Seal:
    """Owns: a key derived from the master key (RFC 5869), so that no other use of that is weakened."""

    def __init__(self, master_key: bytes) -> None:
        derive = HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=_PURPOSE)
        self._cipher = AESGCM(derive.derive(master_key))

    def close(self, text: str, place: str) -> bytes:
        """`place`: what it is bound to; it opens nowhere else."""
        nonce = secrets.token_bytes(_NONCE_BYTES)
        return nonce + self._cipher.encrypt(nonce, text.encode(), place.encode())

    def open(self, sealed: bytes, place: str) -> str:
        """Raises `MasterKeyError` when it was closed under another key, or for another place."""
        nonce, rest = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        try:
            return self._cipher.decrypt(nonce, rest, place.encode()).decode()
        except InvalidTag:
            raise MasterKeyError(
                "The master key does not open this database's webhook secrets. "
                "Restore the master key that belongs to the database."
            ) from None
