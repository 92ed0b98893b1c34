"""A server with other bounds, so that a test of a deadline takes seconds.

`python impatient_server.py '{"hello_within": 1.0}'`: serves as `main.py serve` does, but for these
fields of `core.config.Bounds`.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

from commands.command_line import main
from core.config import Bounds, Config

if __name__ == "__main__":
    read = Config.from_environment
    bounds = replace(Bounds(), **json.loads(sys.argv[1]))

    def from_environment(environ: Mapping[str, str]) -> Config:
        return replace(read(environ), bounds=bounds)

    Config.from_environment = from_environment  # type: ignore[method-assign, assignment]
    sys.exit(main(["serve"]))
