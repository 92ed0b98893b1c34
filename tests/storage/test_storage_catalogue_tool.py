"""The tool that makes the catalogue: what it is not asked for, it does not do."""

import sys
from collections.abc import Sequence

import build_catalogue
import pytest


class FetchedError(Exception):
    """It began to fetch 230 MB."""


def fetched(_folder: object) -> None:
    raise FetchedError


@pytest.mark.parametrize(
    ("words", "status"), [(["--help"], 0), (["--chek"], 2), (["--check", "now"], 2)]
)
def test_what_it_does_not_know_fetches_and_writes_nothing(
    monkeypatch: pytest.MonkeyPatch, words: Sequence[str], status: int
) -> None:
    monkeypatch.setattr(build_catalogue, "Packages", fetched)
    monkeypatch.setattr(sys, "argv", ["build_catalogue.py", *words])
    with pytest.raises(SystemExit) as ended:
        build_catalogue.main()
    assert ended.value.code == status
