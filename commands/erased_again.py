"""Who was erased, by id, in a file beside the database: a backup made before brings them back, and so each
start erases again whom it finds."""

import os
import random
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final

import structlog

from core.clock import SystemClock
from core.identity import DEFAULT_TENANT
from core.ids import UUID, ProcessIds
from storage.postgres.erasure import erase, shut_out, unforgotten
from storage.postgres.pool import Database

ERASED: Final = "erased"

_log: Final = structlog.get_logger("caravan.erased")


def note_erased(data_dir: Path, user_id: str) -> None:
    """On the disk when this returns. Ids alone, so all may read them: who erases may be another than who
    serves. Raises `OSError`."""
    with (data_dir / ERASED).open("a") as file:
        file.write(f"{user_id}\n")
        file.flush()
        os.fsync(file.fileno())
    folder = os.open(data_dir, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def erased_ids(data_dir: Path) -> Sequence[str]:
    """Wherever they stand: a line that was cut short has the next one behind it. Raises `OSError`."""
    with suppress(FileNotFoundError):
        return list(dict.fromkeys(UUID.findall((data_dir / ERASED).read_text(errors="replace"))))
    return []


async def erase_again(database: Database, data_dir: Path) -> None:
    """Before anybody is served: whoever is in the file and has come back. Who has a booking that has not ended
    stays until a start after that, and is logged. Raises `OSError`, `Unavailable`."""
    clock = SystemClock()
    ids = ProcessIds(clock, random.SystemRandom())
    for user_id in await unforgotten(database, DEFAULT_TENANT, erased_ids(data_dir)):
        person, at = (DEFAULT_TENANT, user_id), clock.now_ms()
        found = await shut_out(database, *person, login_id=ids.uuid7(), at=at)
        if found is None or await erase(database, *person) is None:
            _log.error("erased.booking_goes_on", user=user_id)
        else:
            _log.warning("erased.again", user=user_id)
