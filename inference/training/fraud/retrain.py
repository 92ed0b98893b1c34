"""Fits the model of usual bookings anew: `python -m inference.training.fraud.retrain --folder FOLDER` (15 seconds
of one processor).

The folder holds `real.npz`, features of bookings that ended well: numbers, nobody's. It leaves the model there,
packed, with what its gate measured.
"""

import argparse
from pathlib import Path

import numpy as np

from inference.training.beside_server import give_way
from inference.training.fraud.gate import model_of
from inference.upkeep.hourly import MADE, REAL


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--folder", type=Path, required=True)
    folder: Path = parser.parse_args().folder
    give_way()
    with np.load(folder / REAL) as found:
        body, _ = model_of(found["features"])
    (folder / MADE).write_bytes(body)


if __name__ == "__main__":
    main()
