"""What torch trains is what the engine runs, however it was packed. Needs torch, of the training group."""

from pathlib import Path

import numpy as np
import pytest
from chat_groups import a_group

pytest.importorskip("torch", reason="needs torch, of the training group")
pytest.importorskip("onnx", reason="needs the package onnx, of the training group")

import torch

from inference.engine.decoder import Decoder as Engine
from inference.engine.folder import Manifest, read_folder
from inference.training.chat.decoder import Decoder
from inference.training.chat.packing import laid, sees
from inference.training.export.llama_graph import Shape, build_graph
from inference.training.export.sealing import seal
from inference.training.export.tiny import genai_config, write_random_model

SHAPE = Shape(vocabulary=3_008, layers=2, hidden=64, heads=4, kv_heads=2, inner=96, positions=256)


def test_a_packed_group_is_read_as_its_prompt_and_each_reply_alone(tmp_path: Path) -> None:
    torch.manual_seed(1)
    model = Decoder(SHAPE)
    with torch.no_grad():
        for one in model.parameters():
            one.mul_(6 if one.dim() == 2 else 1)
    chance = np.random.default_rng(1)
    groups = [a_group(chance, 2), a_group(chance, 1)]
    batch = laid([groups], 256)
    wanted = torch.from_numpy(batch.target) != -1
    with torch.no_grad():
        packed = model(
            torch.from_numpy(batch.tokens),
            torch.from_numpy(batch.at),
            torch.from_numpy(sees(batch)),
            wanted,
        ).numpy()
    engine = _engine(model, tmp_path)
    at = 0
    for group in groups:
        for reply in group.replies:
            engine.clear(0)
            for start in range(0, len(group.prompt), 64):
                engine.read(0, group.prompt[start : start + 64].tolist())
            for token in reply.tolist():
                assert np.allclose(engine.logits[0], packed[at], atol=2e-3)
                at += 1
                engine.step([token])
    assert at == len(packed)


def _engine(model: Decoder, path: Path) -> Engine:
    """Unquantised."""
    import json

    write_random_model(path, SHAPE, version="1")
    graph = build_graph(SHAPE, model.weights(), bits=None)
    (path / "model.onnx").write_bytes(graph.SerializeToString())
    (path / "genai_config.json").write_text(json.dumps(genai_config(SHAPE)))
    manifest = Manifest(name="x", version="1", form="compact", positions=256, files={}, golden=())
    seal(path, manifest, [[5, 6]])
    return Engine(read_folder(path).layout, slots=1, positions=256)
