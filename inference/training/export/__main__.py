"""Model folders for the engine, from the command line:

    python -m inference.training.export seal FOLDER --name N --version V --form chat --positions 1024 …

writes `caravan.json` into a folder that onnxruntime-genai's builder exported (`-e cpu`, int4, int8 or fp32),
so that it can be served. Needs nothing but the server's own packages. For those who work on Caravan itself:
`tiny FOLDER` and `sampler` write what is committed, `real-size FOLDER` a random decoder for benchmarks,
`families FOLDER` one tiny folder per family by the real builder.
"""

import argparse
from pathlib import Path

SAMPLER = Path(__file__).parents[2] / "engine" / "sampler.onnx"


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m inference.training.export")
    what = parser.add_subparsers(dest="what", required=True)
    seal = what.add_parser("seal", help="write caravan.json into an exported folder")
    seal.add_argument("folder", type=Path)
    seal.add_argument("--name", required=True)
    seal.add_argument("--version", required=True)
    seal.add_argument("--form", choices=["compact", "chat"], required=True)
    seal.add_argument("--positions", type=int, required=True, help="prompt and reply together")
    for name, default in (("prefill", 120), ("first", 150), ("reply", 5_000), ("golden", 10_000)):
        seal.add_argument(f"--{name}-within-ms", type=int, default=default)
    what.add_parser("sampler")
    for name in ("tiny", "real-size", "families"):
        what.add_parser(name).add_argument("folder", type=Path)
    return parser.parse_args()


def main() -> None:
    asked = arguments()
    match asked.what:
        case "seal":
            _seal(asked)
        case "sampler":
            from inference.training.export.sampler_graph import build_sampler

            SAMPLER.write_bytes(build_sampler().SerializeToString())
        case "families":
            from inference.training.export.genai import FAMILIES, write_family

            for name in FAMILIES:
                write_family(name, asked.folder / name)
        case _:
            from inference.training.export.tiny import REAL_SIZE, TINY, write_random_model

            shape = TINY if asked.what == "tiny" else REAL_SIZE
            write_random_model(asked.folder, shape, version="1")


def _seal(asked: argparse.Namespace) -> None:
    from inference.engine.folder import Manifest
    from inference.engine.servable import UnservableError
    from inference.training.export.sealing import default_prompts, seal

    manifest = Manifest(
        name=asked.name,
        version=asked.version,
        form=asked.form,
        positions=asked.positions,
        files={},
        golden=(),
        prefill_within_ms=asked.prefill_within_ms,
        first_within_ms=asked.first_within_ms,
        reply_within_ms=asked.reply_within_ms,
        golden_within_ms=asked.golden_within_ms,
    )
    try:
        sealed = seal(asked.folder, manifest, default_prompts(asked.folder))
    except UnservableError as error:
        raise SystemExit(f"{asked.folder} cannot be served: {error}") from error
    replies = ", ".join(str(len(golden.reply)) for golden in sealed.golden)
    print(f"{asked.folder / 'caravan.json'}: golden replies of {replies} tokens")


if __name__ == "__main__":
    main()
