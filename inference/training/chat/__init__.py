"""The chat model: its corpus, its training, its gates. Run `python -m inference.training.chat --help`."""
