"""Plain pages for whoever sits before a browser, and the way back to where they came from (pure)."""

from html import escape
from typing import Final
from urllib.parse import urlencode, urlsplit

from gateways.sandbox.exchange import Response

_STYLE: Final = "body{font:1.1rem system-ui;max-width:32rem;margin:4rem auto}button{font:inherit;padding:.6rem 1.2rem;margin:.4rem 0}"
_SAFE: Final = (
    ("content-security-policy", "default-src 'none'; style-src 'unsafe-inline'"),
    ("cache-control", "no-store"),
    ("x-frame-options", "DENY"),
)


def html(status: int, inner: str) -> Response:
    """`inner` is HTML already."""
    document = (
        '<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Sandbox</title>'
        f"<style>{_STYLE}</style></head><body>{inner}</body></html>"
    )
    return Response(
        status=status,
        content_type="text/html; charset=utf-8",
        body=document.encode(),
        headers=_SAFE,
    )


def said(status: int, sentence: str) -> Response:
    """A page with that text."""
    return html(status, f"<h1>Sandbox</h1><p>{escape(sentence)}</p>")


def back(url: str | None, query: dict[str, str]) -> Response:
    """To `url` with `query` added; a page, where that is nothing to send a browser to."""
    if url is None or urlsplit(url).scheme not in ("http", "https", "caravan"):
        return said(200, "Done. You can close this page.")
    joined = f"{url}{'&' if '?' in url else '?'}{urlencode(query)}" if query else url
    if not joined.isascii() or any(ord(each) <= 32 for each in joined):
        return said(200, "Done. You can close this page.")
    return Response(status=303, headers=(("location", joined), *_SAFE))
