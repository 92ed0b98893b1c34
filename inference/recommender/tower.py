"""The item tower: a small network that gives each item 16 numbers of length 1, near to those of items that
the same people like. Made by `python -m inference.training.recommender.tower`.
"""

import json
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

import numpy as np

from inference.onnx import open_session
from inference.recommender.schema import FEATURES, SCHEMA
from inference.recommender.taste import WIDTH, Floats

ARTEFACT: Final = Path(__file__).parents[1] / "models" / "tower"
MODEL: Final = "tower.onnx"
MANIFEST: Final = "manifest.json"


class TowerDamaged(Exception):
    """There is no tower here that can be used; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Tower:
    """`version`: of schema and weights. `popular` [16]: the taste of most. `sharpness` and `bias`: s and
    c of the score."""

    session: Any
    version: str
    popular: Floats
    sharpness: float
    bias: float

    def items(self, features: Floats) -> Floats:
        """[n, 16] of [n, features]. The same row gives the same numbers, whatever is beside it. From any
        thread."""
        if not len(features):
            return np.zeros((0, WIDTH))
        (out,) = self.session.run(None, {"features": features.astype(np.float32)})
        return np.asarray(out, np.float64)


def is_readable(version: str) -> bool:
    """Whether features stored under a tower of this version mean what they mean now."""
    return version.partition(".")[0] == str(SCHEMA)


def load_tower(folder: Path = ARTEFACT) -> Tower:
    """Raises `TowerDamaged`."""
    return unpacked(packed(folder))


def packed(folder: Path) -> bytes:
    """The tower of a folder as one piece: its manifest in a line, and its graph. Raises `TowerDamaged`."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
        return json.dumps(manifest).encode() + b"\n" + (folder / MODEL).read_bytes()
    except (OSError, ValueError) as error:
        raise TowerDamaged(f"no item tower in {folder.name}: {error}") from error


def unpacked(body: bytes) -> Tower:
    """From what `packed` made. Raises `TowerDamaged`."""
    line, _, graph = body.partition(b"\n")
    try:
        manifest = json.loads(line)
        digest, features = manifest["sha256"], manifest["features"]
        popular = np.array(manifest["popular"], np.float64)
        version = str(manifest["version"])
        sharpness, bias = float(manifest["sharpness"]), float(manifest["bias"])
    except (KeyError, TypeError, ValueError) as error:
        raise TowerDamaged(f"this is no item tower: {error}") from error
    if sha256(graph).hexdigest() != digest:
        raise TowerDamaged(f"{MODEL} is not the file that its manifest speaks of")
    if tuple(features) != FEATURES or popular.shape != (WIDTH,) or not is_readable(version):
        raise TowerDamaged(f"{MODEL} reads other features than these")
    try:
        session = open_session(graph)
    except Exception as error:  # onnxruntime's own
        raise TowerDamaged(f"{MODEL} cannot be run: {type(error).__name__}") from error
    return Tower(session, version, popular, sharpness, bias)
