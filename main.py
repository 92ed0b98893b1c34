"""The command line's entry: `python main.py COMMAND`. Everything else is in `commands/`."""

import sys

from commands.one_thread import take_one_thread

take_one_thread()

# (Below, because it imports numpy, which looks for its number of threads then and never again.)
from commands.command_line import main  # noqa: E402

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
