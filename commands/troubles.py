"""What ends a command with a sentence. Anything else is a defect and ends it with its trace."""

from typing import Final

from commands.data_directory import DataDirectoryError
from core.config import ConfigError
from core.errors import EscalatedError, Rejected, Unavailable
from loadtest.causes import first_cause
from storage.credentials.master_key import MasterKeyError
from storage.postgres.migrate import MigrationError
from storage.postgres.node_name import NodeNameTakenError
from storage.postgres.places import EmbeddedError
from storage.postgres.pool import DatabaseUnusableError, is_away, unusable
from storage.postgres.shards import TakenOverError

TROUBLES: Final = (
    ConfigError,
    DataDirectoryError,
    DatabaseUnusableError,
    EmbeddedError,
    EscalatedError,
    MasterKeyError,
    MigrationError,
    NodeNameTakenError,
    OSError,
    Rejected,
)

TAKEN_OVER: Final = (
    "Another server has taken over: this one did not reach the database for longer than its lease. "
    "Start it again, and it waits until it is needed."
)


def sentence_of(trouble: BaseException) -> str:
    """What the first of a group's errors says to a person; never nothing."""
    match cause := first_cause(trouble):
        case Unavailable(__cause__=Exception() as why) if is_away(why):
            return str(unusable(why))
        case Rejected():
            return cause.text.format(**cause.params)
        case EscalatedError(__cause__=NodeNameTakenError() as taken):
            return str(taken)
        case EscalatedError(__cause__=TakenOverError()):
            return TAKEN_OVER
        case OSError() if cause.strerror:
            return f"{cause.strerror}: {cause.filename}" if cause.filename else cause.strerror
    return str(cause) or type(cause).__name__
