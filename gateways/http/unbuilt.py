"""The calls of docs/protocol-v1.md §9 whose features this server does not have yet."""

from typing import Final

from gateways.http.routes import API

UNBUILT: Final[tuple[tuple[str, str], ...]] = (
    ("POST", f"{API}/quotes"),
    ("GET", f"{API}/bookings"),
    ("POST", f"{API}/bookings"),
    ("GET", f"{API}/bookings/{{id}}"),
    ("GET", f"{API}/bookings/{{id}}/timeline"),
    ("POST", f"{API}/bookings/{{id}}/approve"),
    ("POST", f"{API}/bookings/{{id}}/decline"),
    ("POST", f"{API}/bookings/{{id}}/decide"),
    ("POST", f"{API}/bookings/{{id}}/cancel"),
    ("POST", f"{API}/bookings/{{id}}/travellers"),
    ("GET", f"{API}/marketplace"),
    ("POST", "/webhooks/{provider}"),
)
"""Method and path. Whoever builds one takes it out and declares a `Route`."""
