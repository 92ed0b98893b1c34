"""The golden vectors by message and channel, and the structs by name."""

import json
from pathlib import Path
from typing import Any, Final, get_args

from protocol import frames, wire
from protocol.answers import ANSWERS

Json = dict[str, Any]

FOLDER: Final = Path(__file__).parent / "golden"

CLIENT: Final = {kind.__name__: kind for kind in get_args(wire.ClientFrame)}
SERVER: Final = {
    kind.__name__: kind
    for kind in (*get_args(wire.ServerEvent), frames.Ping, frames.Pong, frames.ErrorFrame)
}
ANSWERING: Final = {kind.__name__: kind for kind in ANSWERS}
NAMES: Final = {kind.__struct_config__.tag: name for name, kind in CLIENT.items()}


def vectors(name: str) -> list[Json]:
    """Those of one file."""
    found: list[Json] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


GOLDEN: Final[list[tuple[str, str, Json]]] = [
    *(
        (NAMES[v["meaning"]["type"]], "toServer", v["meaning"])
        for v in vectors("client_frames.json")
    ),
    *(
        (
            v["frame"],
            f"answers.{v['frame']}" if v["frame"] in ANSWERING else "toClient",
            v["meaning"],
        )
        for v in vectors("server_frames.json")
    ),
]
