"""An answer's bytes, at most so many."""

import httpx
import trio


async def read_bounded(response: httpx.Response, most: int) -> bytes | None:
    """The whole body as it came over the wire; None: it has more bytes than `most`.

    Cancelled rather than left when it is too large: the generators below end only by running out or by an
    error of the socket, and the collector would find those that we abandon.
    """
    body = bytearray()
    with trio.CancelScope() as enough:
        async for chunk in response.aiter_raw():
            if len(body) <= most:
                body += chunk
            else:
                enough.cancel()
    return bytes(body) if len(body) <= most else None
