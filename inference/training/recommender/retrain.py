"""Trains another item tower beside the played people for those who share their feedback:
`python -m inference.training.recommender.retrain --folder FOLDER` (a minute of one processor).

The folder holds `voices.npz`, judgements of numbered people on items' features, and the tower in use.
Their tastes under that tower are what they think of the same played items, and they count beside the
played people: what real people differ in gets a place among the outputs. It leaves a tower's two files.
"""

import argparse
import json
from pathlib import Path
from typing import Final

import numpy as np
from numpy.random import default_rng

from inference.recommender.schema import FEATURES
from inference.recommender.taste import MOST_REPLAYED, Floats, learned
from inference.recommender.tower import MANIFEST, Tower, load_tower, unpacked
from inference.recommender.voices import Voices
from inference.training.beside_server import give_way
from inference.training.recommender.gate import SIMULATORS, figures
from inference.training.recommender.scenes import KINDS, Scenes, scenes
from inference.training.recommender.simulation import most_of, play, world
from inference.training.recommender.tower import (
    EPOCHS,
    PEOPLE,
    SCENES,
    SEED,
    fit,
    graph,
    hidden,
    outputs,
    save,
    utilities,
)
from inference.upkeep.weekly import IN_USE, VOICES

MOST_REAL: Final = 300
"""People of whom a share of the training is made, those who said most."""

GATE_SEED: Final = 2028
PLAYED: Final = 80


def tastes(voices: Voices, tower: Tower) -> Floats:
    """[people, 16], of those who said most."""
    each = sorted(voices.each(), key=len, reverse=True)[:MOST_REAL]
    return np.array(
        [
            learned(
                tower.popular,
                tower.items(one.features[-MOST_REPLAYED:]),
                one.liked[-MOST_REPLAYED:],
                sharpness=tower.sharpness,
                bias=tower.bias,
            )
            for one in each
        ]
    )


def opinions(seen: Scenes, found: Floats, tower: Tower) -> Floats:
    """[items, people]: as `utilities`, of people with these tastes."""
    flat = seen.features.reshape(-1, len(FEATURES))
    liked = tower.items(flat) @ found.T
    kinds = np.repeat(seen.kinds, seen.features.shape[1])
    for kind in range(len(KINDS)):
        of_kind = kinds == kind
        mine = liked[of_kind]
        liked[of_kind] = (mine - mine.mean(axis=0)) / (mine.std(axis=0) + 1e-9)
    return liked


def retrain(
    voices: Voices,
    tower: Tower,
    *,
    count: int = SCENES,
    people: int = PEOPLE,
    epochs: int = EPOCHS,
) -> bytes:
    """The new graph. `count` scenes, `people` in all."""
    rng = default_rng(SEED)
    seen = scenes(count, rng)
    real = tastes(voices, tower)[: people // 2]
    judged = np.concatenate(
        [utilities(seen, people - len(real), rng), opinions(seen, real, tower)], axis=1
    )
    targets = outputs(judged)
    features = seen.features.reshape(-1, len(FEATURES))
    shown = np.concatenate([features, hidden(features, rng)])
    return graph(fit(shown, np.concatenate([targets, targets]), SEED, epochs))


def gain(new: Tower, in_use: Tower, *, people: int = PLAYED, count: int = 200) -> float:
    """By how much played people are served better, NDCG@5 after 20 rounds, the same people by both."""
    seen = scenes(count, default_rng(GATE_SEED))
    gains = []
    for draw in SIMULATORS.values():
        learned_by = []
        for tower in (new, in_use):
            played = world(draw, seen, tower, people=people, crowd=people, seed=GATE_SEED + 1)
            most = most_of(played, tower, default_rng(GATE_SEED + 3))
            course = play(played, tower, most=most, seed=GATE_SEED + 2)
            learned_by.append(figures(course).learned)
        gains.append(learned_by[0] - learned_by[1])
    return float(np.mean(gains))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder: Path = parser.parse_args().folder
    give_way()
    with np.load(folder / VOICES) as found:
        voices = Voices(found["person"], found["features"], found["liked"])
    in_use = unpacked((folder / IN_USE).read_bytes())
    save(retrain(voices, in_use), folder)
    manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    manifest["made_by"] = "python -m inference.training.recommender.retrain"
    manifest["figures"] = {
        "played_gain": round(gain(load_tower(folder), in_use), 4),
        "people": voices.people,
        "fitted_to": len(voices),
    }
    (folder / MANIFEST).write_text(json.dumps(manifest, indent=2) + "\n", "utf-8")


if __name__ == "__main__":
    main()
