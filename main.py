"""The command line's entry: `python main.py COMMAND`. Everything else is in `commands/`."""

import sys

from commands.command_line import main

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
