"""The file that an export goes to."""

import stat
from pathlib import Path

import pytest

from commands.admin import FileError, private


def test_an_export_is_its_owners_alone_and_no_half_one_stays(tmp_path: Path) -> None:
    file = tmp_path / "ada"
    with pytest.raises(ZeroDivisionError), private(file) as out:
        out.write(bytes(1 // 0))
    assert not file.exists()
    with private(file) as out:
        out.write(b"ada")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    with pytest.raises(FileError, match=r"ada cannot be made \(File exists\)"), private(file):
        pytest.fail("it was there")
    assert file.read_text() == "ada"
