"""The command line: one file per command, and `wiring`, the composition root. Imported by `main.py` alone."""
