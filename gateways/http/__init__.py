"""The HTTP API on Quart: administration and plain requests, one file per resource; never the hot path."""
