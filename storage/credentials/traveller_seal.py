"""How travellers' data are kept: sealed under a key of their own, with a digest that tells nothing."""

import hmac
import secrets
from collections.abc import Mapping
from hashlib import sha256
from typing import Final

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand
from msgspec.structs import replace

from core.ports.bookings import SealedTraveller
from protocol.travel import Traveller
from storage.credentials.master_key import KEY_BYTES, MasterKeyError

_NONCE_BYTES: Final = 12
_SEALING: Final = b"caravan travellers: sealing"
_DIGESTS: Final = b"caravan travellers: digests"
_ENCODER: Final = msgspec.msgpack.Encoder(order="sorted")
_DECODER: Final = msgspec.msgpack.Decoder(Traveller)


class TravellerSeal:
    """Two keys made from the master key (HKDF-Expand, RFC 5869 §2.3, a label for each purpose): one for
    AES-256-GCM, one for HMAC-SHA256. What is sealed opens only for the same tenant, booking and
    traveller; equal data of two of them have different digests."""

    def __init__(self, master_key: bytes) -> None:
        self._cipher = AESGCM(_derived(master_key, _SEALING))
        self._digests = _derived(master_key, _DIGESTS)

    def seal(
        self,
        tenant_id: int,
        booking_id: str,
        traveller: Traveller,
        *,
        by: str,
        document: Mapping[str, object] | None,
    ) -> SealedTraveller:
        """As the port `Travellers` says: nonce and ciphertext, and the digest in hex."""
        place = _place(tenant_id, booking_id, traveller.id)
        if document is not None:
            traveller = replace(traveller, document=dict(document))
        plain = _ENCODER.encode(traveller)
        nonce = secrets.token_bytes(_NONCE_BYTES)
        digest = hmac.new(self._digests, place + b"\n" + plain, sha256).hexdigest()
        sealed = nonce + self._cipher.encrypt(nonce, plain, place)
        return SealedTraveller(traveller_id=traveller.id, by=by, digest=digest, sealed=sealed)

    def open(self, tenant_id: int, booking_id: str, traveller_id: str, sealed: bytes) -> Traveller:
        """Raises `MasterKeyError` when it was sealed under another master key, or for another place."""
        nonce, ciphertext = sealed[:_NONCE_BYTES], sealed[_NONCE_BYTES:]
        place = _place(tenant_id, booking_id, traveller_id)
        try:
            plain = self._cipher.decrypt(nonce, ciphertext, place)
        except InvalidTag:
            raise MasterKeyError(
                "The master key does not open this database's travellers. "
                "Restore the master key that belongs to the database."
            ) from None
        return _DECODER.decode(plain)


def _derived(master_key: bytes, label: bytes) -> bytes:
    return HKDFExpand(SHA256(), KEY_BYTES, label).derive(master_key)


def _place(tenant_id: int, booking_id: str, traveller_id: str) -> bytes:
    return f"{tenant_id}/{booking_id}/{traveller_id}".encode()
