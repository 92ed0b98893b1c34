"""The key that seals the signing keys: from the environment, or a file of the data directory."""

import base64
import binascii
import contextlib
import os
import secrets
from pathlib import Path
from typing import Final

KEY_BYTES: Final = 32
FILE: Final = "master.key"
VARIABLE: Final = "CARAVAN_MASTER_KEY"


class MasterKeyError(RuntimeError):
    """There is no usable master key; the sentence says why and what to do."""


def master_key(data_dir: Path, given: str | None) -> bytes:
    """32 bytes: `given` (base64, the value of CARAVAN_MASTER_KEY), else `data_dir/master.key`, which
    is made (0600) when it is absent. Raises `MasterKeyError`."""
    if given:
        return _decoded(given, VARIABLE)
    file = data_dir / FILE
    with contextlib.suppress(FileNotFoundError):
        return _read(file)
    _make(file)
    return _read(file)


def _make(file: Path) -> None:
    """Whole or not at all: a link never replaces a key that another process has just made."""
    draft = file.with_name(f"{FILE}.{secrets.token_hex(8)}")
    try:
        with open(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            out.write(base64.b64encode(secrets.token_bytes(KEY_BYTES)) + b"\n")
            out.flush()
            os.fsync(out.fileno())
        with contextlib.suppress(FileExistsError):
            file.hardlink_to(draft)
    finally:
        draft.unlink(missing_ok=True)


def _read(file: Path) -> bytes:
    if file.stat().st_mode & 0o077:
        raise MasterKeyError(f"Others can read {file}. Make it private: chmod 600.")
    return _decoded(file.read_text(encoding="ascii", errors="replace"), str(file))


def _decoded(text: str, source: str) -> bytes:
    try:
        key = base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        key = b""
    if len(key) != KEY_BYTES:
        raise MasterKeyError(
            f"{source} does not hold 32 bytes in base64. Restore the key that belongs to the database."
        )
    return key
