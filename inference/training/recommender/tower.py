"""Trains the item tower: `python -m inference.training.recommender.tower` (half a minute).

Played people (weighers and steppers) judge played searches. What the items' judgements have in common, by
principal components over the people, is what the tower's outputs are: the first is what most like, the next
14 are in what people differ most, the last is a constant that keeps lengths alike. A network of two
layers learns them from features, of which some are hidden at random, so that what is missing counts as
what is usual.
"""

import argparse
import warnings
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import onnx
from numpy.random import Generator, default_rng
from onnx import TensorProto, helper, numpy_helper
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPRegressor

from inference.recommender.schema import AT, FEATURES, NUMBERS, SCHEMA, TAGS, TAGS_UNKNOWN, parts_of
from inference.recommender.taste import WIDTH, Floats
from inference.recommender.tower import ARTEFACT, MODEL
from inference.training import artefacts
from inference.training.recommender.people import stepper, weigher
from inference.training.recommender.scenes import KINDS, Scenes, scenes

SEED: Final = 6
SCENES: Final = 1_500
PEOPLE: Final = 600
HIDDEN: Final = (64, 32)
EPOCHS: Final = 60
SHARPNESS: Final = 3.0
BIAS: Final = 0.0
CONSTANT: Final = 1.5
"""The last output before lengths become 1; the others have a spread of about 1 together."""

POPULAR: Final = 1.0
OPSET: Final = 17


def utilities(seen: Scenes, people: int, rng: Generator) -> Floats:
    """[items, people]: each person's utilities, standardised within each kind of item."""
    drawn = [(weigher if at % 2 else stepper)(rng) for at in range(people)]
    found = np.stack([person.utility(seen.features).reshape(-1) for person in drawn], axis=1)
    kinds = np.repeat(seen.kinds, seen.features.shape[1])
    for kind in range(len(KINDS)):
        of_kind = kinds == kind
        mine = found[of_kind]
        found[of_kind] = (mine - mine.mean(axis=0)) / (mine.std(axis=0) + 1e-9)
    return found


def outputs(judged: Floats) -> Floats:
    """[items, 15] of [items, people]: what most like, then 14 principal components of the rest, each as
    wide as it matters."""
    most = judged.mean(axis=1)
    rest = judged - most[:, None]
    _, _, axes = np.linalg.svd(rest.T @ rest / len(rest))
    components = rest @ axes[: WIDTH - 2].T / np.sqrt(judged.shape[1])
    return np.column_stack([most, components])


def hidden(features: Floats, rng: Generator, share: float = 0.08) -> Floats:
    """With some of what is known made unknown."""
    features = features.copy()
    for name in NUMBERS:
        rows = rng.random(len(features)) < share
        for part in parts_of(name):
            features[rows, part] = 0.0
            features[rows, part + 1] = 1.0
    rows = rng.random(len(features)) < share
    features[rows, AT[TAGS_UNKNOWN]] = 1.0
    for tag in TAGS:
        features[rows, AT[f"tags.{tag}"]] = 0.0
    return features


def fit(features: Floats, targets: Floats, seed: int, epochs: int = EPOCHS) -> MLPRegressor:
    network = MLPRegressor(
        hidden_layer_sizes=HIDDEN,
        activation="tanh",
        batch_size=256,
        learning_rate_init=2e-3,
        max_iter=epochs,
        random_state=seed,
    )
    with warnings.catch_warnings():
        # It stops after so many epochs on purpose.
        warnings.simplefilter("ignore", ConvergenceWarning)
        network.fit(features, targets)
    return network


def graph(network: MLPRegressor) -> bytes:
    """`features` [n, F] → `items` [n, 16], each of length 1."""
    weights = [np.asarray(one, np.float32) for one in network.coefs_]
    biases = [np.asarray(one, np.float32) for one in network.intercepts_]
    weights[-1] = np.pad(weights[-1], ((0, 0), (0, 1)))
    biases[-1] = np.append(biases[-1], np.float32(CONSTANT))
    nodes, constants, at = [], [], "features"
    for layer, (weight, bias) in enumerate(zip(weights, biases, strict=True)):
        constants += [
            numpy_helper.from_array(weight, f"w{layer}"),
            numpy_helper.from_array(bias, f"b{layer}"),
        ]
        nodes.append(helper.make_node("Gemm", [at, f"w{layer}", f"b{layer}"], [f"h{layer}"]))
        at = f"h{layer}"
        if layer < len(weights) - 1:
            nodes.append(helper.make_node("Tanh", [at], [f"t{layer}"]))
            at = f"t{layer}"
    nodes.append(helper.make_node("LpNormalization", [at], ["items"], axis=1, p=2))
    rows = helper.make_tensor_value_info("features", TensorProto.FLOAT, ["n", len(FEATURES)])
    out = helper.make_tensor_value_info("items", TensorProto.FLOAT, ["n", WIDTH])
    made = helper.make_graph(nodes, "tower", [rows], [out], constants)
    model = helper.make_model(
        made, opset_imports=[helper.make_opsetid("", OPSET)], ir_version=8, producer_name="caravan"
    )
    onnx.checker.check_model(model)
    packed: bytes = model.SerializeToString()
    return packed


def train(
    seed: int = SEED, count: int = SCENES, people: int = PEOPLE, epochs: int = EPOCHS
) -> bytes:
    rng = default_rng(seed)
    seen = scenes(count, rng)
    targets = outputs(utilities(seen, people, rng))
    features = seen.features.reshape(-1, len(FEATURES))
    shown = np.concatenate([features, hidden(features, rng)])
    network = fit(shown, np.concatenate([targets, targets]), seed, epochs)
    print(f"R² on what it saw: {network.score(features, targets):.3f}")
    return graph(network)


def save(packed: bytes, folder: Path) -> None:
    digest = sha256(packed).hexdigest()
    popular = [POPULAR] + [0.0] * (WIDTH - 1)
    manifest = {
        "file": MODEL,
        "sha256": digest,
        "version": f"{SCHEMA}.{digest[:8]}",
        "features": list(FEATURES),
        "sharpness": SHARPNESS,
        "bias": BIAS,
        "popular": popular,
        "seed": SEED,
        "made_by": "python -m inference.training.recommender.tower",
    }
    artefacts.save(folder, MODEL, packed, manifest)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--into", type=Path, default=ARTEFACT)
    save(train(), parser.parse_args().into)


if __name__ == "__main__":
    main()
