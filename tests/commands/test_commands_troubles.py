import asyncpg
import pytest

from commands.troubles import TAKEN_OVER, sentence_of
from commands.wire_gateways import _listening
from core.config import ConfigError
from core.errors import EscalatedError, Unavailable
from gateways.http.server import bind_http
from storage.postgres.node_name import NodeNameTakenError
from storage.postgres.shards import TakenOverError


@pytest.mark.parametrize(
    ("trouble", "sentence"),
    [
        (OSError(28, "No space left on device"), "No space left on device"),
        (IsADirectoryError(21, "Is a directory", "/d/x"), "Is a directory: /d/x"),
        (OSError("no number"), "no number"),
        (TimeoutError(), "TimeoutError"),  # an empty one would be taken for none
        (Unavailable("Try {when}.", params={"when": "later"}), "Try later."),
        (ExceptionGroup("", [ConfigError("Set it.")]), "Set it."),
    ],
)
def test_a_trouble_is_a_sentence_without_numbers(trouble: Exception, sentence: str) -> None:
    assert sentence_of(trouble) == sentence


def test_a_database_that_went_away_in_between_is_a_sentence_that_says_why() -> None:
    away = Unavailable()
    away.__cause__ = asyncpg.DiskFullError("could not extend file: No space left on device")
    said = sentence_of(ExceptionGroup("", [away]))
    assert said == (
        "The database cannot be used (could not extend file: No space left on device). "
        "Free space on its disk."
    )
    away.__cause__ = KeyError("of ours")
    assert sentence_of(away) == "This cannot be answered right now. Please try again."


NAME_TAKEN = NodeNameTakenError("node-1")


@pytest.mark.parametrize(
    ("cause", "sentence"), [(NAME_TAKEN, str(NAME_TAKEN)), (TakenOverError(), TAKEN_OVER)]
)
def test_a_server_that_ends_because_another_is_in_its_place_says_that(
    cause: Exception, sentence: str
) -> None:
    escalated = EscalatedError("server: leases crashed too often")
    escalated.__cause__ = cause
    assert sentence_of(escalated) == sentence


def test_a_host_that_nobody_knows_is_named() -> None:
    with (
        pytest.raises(ConfigError, match=r"not.a.host.invalid, port 0 \((?!Unknown error)"),
        _listening("CARAVAN_HTTP_PORT", "not.a.host.invalid", 0),
    ):
        bind_http("not.a.host.invalid", 0)
