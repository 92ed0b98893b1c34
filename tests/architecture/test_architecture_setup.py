"""What `make` sets up, it sets up again where that was cut short."""

import os
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
PYTHON = """\
#!/bin/sh
# `-m venv .venv` makes one with pip; whatever else is asked is well.
[ "$1 $2" = "-m venv" ] && printf '#!/bin/sh\\nexit 0\\n' > "$3/bin/python"
exit 0
"""
WITHOUT_PIP = '#!/bin/sh\n[ "$2" = pip ] && echo "No module named pip" >&2 && exit 1\nexit 0\n'


def test_an_environment_that_was_left_without_pip_is_made_whole(tmp_path: Path) -> None:
    """Debian leaves one where python3-venv is missing, and says that this is to be installed."""
    for name in ("Makefile", "pyproject.toml", "constraints.txt"):
        (tmp_path / name).write_bytes((ROOT / name).read_bytes())
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    for name, script in (("python3", PYTHON), (".venv/bin/python", WITHOUT_PIP)):
        (tmp_path / name).write_text(script)
        (tmp_path / name).chmod(0o755)
    done = subprocess.run(
        ["make", f"PYTHON={tmp_path / 'python3'}", ".venv/ready"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / ".venv" / "ready").exists()
