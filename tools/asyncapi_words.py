"""What the AsyncAPI document says in words: all that JSON Schema cannot."""

from typing import Any, Final

ABOUT: Final = """\
The socket of a server for people who travel together, **seen by a client**: `send` is what a client
sends, `receive` what it receives. Normative is `docs/protocol-v1.md`; this document is generated
from the structs that the server decodes with (`tools/write_asyncapi.py`).

One binary WebSocket message is one frame: one MessagePack map with string keys and one `type`, the
`name` of a message here. The first frame is `hello`; its `token` (an access token or a ticket of
the HTTP API) is the only credential, never the address. A command may carry `ref`; it is then
answered exactly once, by its reply or by `error`, with the same `ref`. Without `ref` success is
silent.

**Every map may hold keys that are not listed; both sides ignore them.** In what a client sends, an
optional field whose type allows null may be nil, which means absent.

What a server demands beyond the schemas:

1. `x-max-bytes` bounds the UTF-8 bytes of a text, or the encoded bytes of a value in free form;
   longer is `too_large`.
2. `content`, `query` and `emoji` of a command are not only white space.
3. No text holds U+0000. Values in free form hold texts, bytes, finite numbers, true, false, nil,
   lists, and maps with texts as keys; nothing else, no extension type.
4. A whole number is a MessagePack integer: 7.0 is refused.
5. Containers nest at most 16 deep in a field; a frame has at most 64 KiB; a second `type` is an
   error.

`x-limits`, `x-error-codes` and `x-close-codes` list what their names say; `then` of a close code is
what a client should do.

Parts marked `x-offered: false` are in the contract but not in this server: their commands are
answered with `error unavailable, temporary:false`, their events are not sent.
"""

LOCAL: Final[dict[str, Any]] = {
    "host": "{host}:{port}",
    "protocol": "ws",
    "description": "A server started with `main.py serve`. `GET /api/v1/info` tells the address.",
    "variables": {"host": {"default": "127.0.0.1"}, "port": {"default": "8081"}},
}

CORRELATION: Final = {
    "location": "$message.payload#/ref",
    "description": "The client's choice (uint32), reusable after its answer.",
}

HEARTBEAT: Final = {
    "location": "$message.payload#/t",
    "description": "A pong repeats the `t` of its ping.",
}

NOT_OFFERED: Final[dict[str, Any]] = {
    "tags": [{"name": "not offered yet"}],
    "x-offered": False,
}

RECONNECT: Final = "reconnect and resume"
AFTER_CLOSING: Final = {
    41: "connect anew without `resume`, and only when the user acts",
    42: "get a token, then connect",
    43: "stop and show the reason",
}
"""What a client does, by the hundreds of the close code; all below 4100 is RECONNECT."""
