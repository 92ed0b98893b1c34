"""The command line: one file per command, and `wiring`, the composition root. Imported by `main.py` alone."""

import os

from core.one_thread import ONE_THREAD

for name, one in ONE_THREAD.items():
    # Products of matrices as small as ours are no faster in two threads; those turn in circles between two
    # messages, and chat waits for a processor. Who knows better says so in the environment.
    os.environ.setdefault(name, one)
