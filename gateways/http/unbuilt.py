"""The calls of docs/protocol-v1.md §9 whose features this server does not have yet."""

from typing import Final

from gateways.http.routes import API

UNBUILT: Final[tuple[tuple[str, str], ...]] = (("GET", f"{API}/marketplace"),)
"""Method and path. Whoever builds one takes it out and declares a `Route`."""
