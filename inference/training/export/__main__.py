"""`python -m inference.training.export tiny|real-size FOLDER` · `sampler` · `families FOLDER`.

`sampler` and `tiny` write what is committed: `inference/engine/sampler.onnx`, and a model for the tests.
`real-size` is for benchmarks. `families` writes one folder per family by the real builder.
"""

import argparse
from pathlib import Path

SAMPLER = Path(__file__).parents[2] / "engine" / "sampler.onnx"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m inference.training.export")
    parser.add_argument("what", choices=["tiny", "real-size", "sampler", "families"])
    parser.add_argument("folder", type=Path, nargs="?")
    asked = parser.parse_args()
    if asked.what == "sampler":
        from inference.training.export.sampler_graph import build_sampler

        SAMPLER.write_bytes(build_sampler().SerializeToString())
    elif asked.folder is None:
        parser.error("where to?")
    elif asked.what == "families":
        from inference.training.export.genai import FAMILIES, write_family

        for name in FAMILIES:
            write_family(name, asked.folder / name)
    else:
        from inference.training.export.tiny import REAL_SIZE, TINY, write_random_model

        shape = TINY if asked.what == "tiny" else REAL_SIZE
        write_random_model(asked.folder, shape, version="1")


if __name__ == "__main__":
    main()
