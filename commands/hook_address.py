"""Where the sandbox sends its webhooks: our own address, seen from this machine."""

from urllib.parse import urlsplit

import structlog

from core.config import is_loopback

_log = structlog.get_logger("caravan.payments")


def hook_address(address: str, name: str) -> str | None:
    """`address`: our HTTP server's. None where the sandbox, which sends to this machine's loopback alone, cannot
    reach us."""
    parts = urlsplit(address)
    host = parts.hostname or ""
    if host in ("0.0.0.0", "::"):  # noqa: S104 (who listens everywhere listens there too)
        host = "127.0.0.1"
    if not is_loopback(host):
        _log.warning("the sandbox's webhooks cannot reach this address", host=host)
        return None
    bracketed = f"[{host}]" if ":" in host else host
    return f"http://{bracketed}:{parts.port}/webhooks/{name}"
