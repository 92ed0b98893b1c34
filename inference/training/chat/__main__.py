"""The chat model, from texts to a folder that the engine serves:

    python -m inference.training.chat corpus     replies drawn from the texts in speech/, as numbers
    python -m inference.training.chat train      a decoder that learns them
    python -m inference.training.chat prefer     and unlearns what it says freely and may not
    python -m inference.training.chat export     its folder
    python -m inference.training.chat gate       whether what it says is generated

Each has --help. `make train` does all of it. Training needs the dependency group `training`.
"""

import argparse
import importlib.util
import os
import sys
from collections.abc import Iterable
from itertools import islice
from pathlib import Path
from typing import Final

from inference.training.where import models_folder

MODEL: Final = Path(__file__).parents[2] / "models" / "chat"
WORK: Final = models_folder() / "chat-training"
CORPUS: Final = WORK / "corpus.npz"
CHECKPOINT: Final = WORK / "checkpoint.pt"
PREFERRING: Final = WORK / "preferring.pt"
MISSING: Final = "Training needs the dependency group `training`, which is not installed: pip install '.[training]'"
NEEDED: Final = ("torch", "onnx")
FOR_BPE: Final = 120_000
"""Replies from which the vocabulary is learned."""
HELD: Final = 3_000
SAMPLE: Final = 1_000_000
LEAST_DISTINCT: Final = 500_000


def arguments(given: Iterable[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        "python -m inference.training.chat",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    what = parser.add_subparsers(dest="what", required=True)
    corpus = what.add_parser("corpus", help="draw replies, learn a vocabulary, write both")
    corpus.add_argument("--out", type=Path, default=CORPUS)
    corpus.add_argument("--replies", type=int, default=400_000)
    corpus.add_argument(
        "--keep", action="store_true", help="do nothing where the same one is there already"
    )
    corpus.add_argument("--seed", type=int, default=1)
    corpus.add_argument("--like", type=Path, help="another corpus, whose vocabulary is taken")
    corpus.add_argument("--texts", type=Path, help="a folder of VOICE.txt, else speech/")
    corpus.add_argument(
        "--distinct",
        action="store_true",
        help=f"only count: of {SAMPLE:,} replies, how many differ",
    )
    train = what.add_parser("train", help="train on a corpus (needs torch)")
    train.add_argument("--corpus", type=Path, default=CORPUS)
    train.add_argument("--out", type=Path, default=CHECKPOINT, help="the checkpoint")
    train.add_argument("--tokens", type=int, default=12_000_000, help="reply tokens, at most")
    train.add_argument("--minutes", type=float, default=65.0, help="by the clock, at most")
    train.add_argument("--seed", type=int, default=1)
    train.add_argument("--rows", type=int, default=8, help="of 256 tokens in a step")
    train.add_argument("--threads", type=int, default=2, help="at most; fewer where others work")
    train.add_argument("--nice", type=int, default=10)
    train.add_argument("--single", action="store_true", help="float32 instead of bfloat16")
    train.add_argument(
        "--check", action="store_true", help="only whether everything needed is there"
    )
    train.add_argument("--resume", action="store_true", help="go on where its checkpoint is")
    _add_prefer(what.add_parser("prefer", help="unlearn illegal replies (needs torch and onnx)"))
    export = what.add_parser("export", help="write a folder for the engine (needs torch and onnx)")
    export.add_argument("--checkpoint", type=Path, default=PREFERRING)
    export.add_argument("--out", type=Path, default=MODEL)
    _add_gate(what.add_parser("gate", help="judge a model by the engine's own path"))
    return parser.parse_args(None if given is None else list(given))


def _add_prefer(prefer: argparse.ArgumentParser) -> None:
    prefer.add_argument("--checkpoint", type=Path, default=CHECKPOINT)
    prefer.add_argument("--corpus", type=Path, default=CORPUS)
    prefer.add_argument("--out", type=Path, default=PREFERRING)
    prefer.add_argument("--rounds", type=int, default=3)
    prefer.add_argument("--plans", type=int, default=12_000, help="replies that it gives per round")
    prefer.add_argument("--times", type=int, default=2, help="that each pair is learned from")
    prefer.add_argument("--rate", type=float, default=3e-4)
    prefer.add_argument("--weight", type=float, default=1.0, help="beside the loss on the corpus")
    prefer.add_argument("--seed", type=int, default=1)
    prefer.add_argument("--threads", type=int, default=2)
    prefer.add_argument("--nice", type=int, default=10)


def _add_gate(gate: argparse.ArgumentParser) -> None:
    gate.add_argument("--model", type=Path, default=MODEL)
    gate.add_argument(
        "--corpus", type=Path, nargs="+", help="what it was trained on; else drawn anew"
    )
    gate.add_argument("--plans", type=int, default=2_000)
    gate.add_argument("--seed", type=int, default=1)
    gate.add_argument(
        "--break",
        dest="broken",
        choices=("copy", "template", "same", "swap", "free"),
        help="a control that must fail: say training replies, say templates, say the same for every"
        " seed, ignore swapped control tokens, say placeholders that are not there",
    )
    gate.add_argument("--pairs", type=Path, help="write a blind table of fifty pairs here")


def main() -> int:
    asked = arguments()
    match asked.what:
        case "corpus":
            return _corpus(asked)
        case "train":
            return _train(asked)
        case "prefer":
            return _prefer(asked)
        case "export":
            return _export(asked)
        case _:
            from inference.training.chat.gate import run

            return run(asked)


def _corpus(asked: argparse.Namespace) -> int:
    from inference.training.chat.corpus import SPEECH, digest_of, groups, load_speeches
    from inference.training.chat.corpus_file import drawn_corpus, load_corpus
    from inference.training.chat.tokens import learned, read_tokens

    folder = asked.texts or SPEECH
    speeches = load_speeches(folder)
    if asked.distinct:
        said = islice((one[0] for _, one in groups(asked.seed, speeches)), SAMPLE)
        count = len({hash(text) for text in said})
        print(f"{count:,} of {SAMPLE:,} replies differ; at least {LEAST_DISTINCT:,} must")
        return 0 if count >= LEAST_DISTINCT else 1
    notes = {"texts": digest_of(folder), "folder": str(asked.texts or "")}
    drawing = {**notes, "seed": asked.seed + 1, "replies": asked.replies}
    if (
        asked.keep
        and asked.out.is_file()
        and drawing.items() <= load_corpus(asked.out).notes.items()
    ):
        _tell(f"{asked.out} is there already")
        return 0
    if asked.like is None:
        tokenizer = learned(one[0] for _, one in islice(groups(asked.seed, speeches), FOR_BPE))
    else:
        tokenizer = read_tokens(load_corpus(asked.like).tokenizer)
    _tell(f"{len(speeches)} voices, {tokenizer.get_vocab_size()} tokens in the vocabulary")
    corpus = drawn_corpus(
        speeches,
        tokenizer,
        replies=asked.replies,
        seed=asked.seed + 1,
        notes=notes,
        tell=_tell,
    )
    corpus.save(asked.out)
    tokens, said_count = corpus.reply_tokens, corpus.parts.size - corpus.sizes.size
    _tell(
        f"{asked.out}: {said_count:,} replies, {corpus.sums.size / said_count:.1%} distinct,"
        f" {tokens:,} tokens, {tokens / said_count:.1f} each"
    )
    return 0


def _train(asked: argparse.Namespace) -> int:
    if not _has_all():
        return 1
    if asked.check:
        return 0
    # Threads that wait for one another do not spin: what else runs here needs the processor.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

    from inference.training.chat.corpus import SPEECH, load_speeches
    from inference.training.chat.corpus_file import drawn_corpus, load_corpus, to_validate
    from inference.training.chat.tokens import read_tokens
    from inference.training.chat.training import Course, Training

    os.nice(asked.nice)
    corpus = load_corpus(asked.corpus)
    held = drawn_corpus(
        load_speeches(Path(corpus.notes["folder"] or SPEECH)),
        read_tokens(corpus.tokenizer),
        replies=HELD,
        seed=corpus.notes["seed"] + 1_000,
        notes={},
        wanted=to_validate,
    )
    course = Course(
        seed=asked.seed,
        rows=asked.rows,
        tokens=asked.tokens,
        minutes=asked.minutes,
        threads=asked.threads,
        is_half=not asked.single,
    )
    asked.out.parent.mkdir(parents=True, exist_ok=True)
    Training(corpus, held, asked.out, course, resume=asked.resume).run(_tell)
    return 0


def _prefer(asked: argparse.Namespace) -> int:
    if not _has_all():
        return 1
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")

    import torch

    from inference.training.chat.corpus_file import load_corpus
    from inference.training.chat.preferring import Lessons, prefer

    for needed, maker in ((asked.corpus, "corpus"), (asked.checkpoint, "train")):
        if not needed.is_file():
            print(f"{needed} is not there: `{maker}` makes it.", file=sys.stderr)
            return 2
    os.nice(asked.nice)
    torch.set_num_threads(asked.threads)
    lessons = Lessons(
        rounds=asked.rounds,
        plans=asked.plans,
        times=asked.times,
        rate=asked.rate,
        weight=asked.weight,
        seed=asked.seed,
    )
    try:
        prefer(asked.checkpoint, asked.out, load_corpus(asked.corpus), lessons, _tell)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _export(asked: argparse.Namespace) -> int:
    if not _has_all():
        return 1
    from inference.training.chat.exporting import export_checkpoint

    if not asked.checkpoint.is_file():
        print(f"{asked.checkpoint} is not there: `prefer` makes it of `train`'s.", file=sys.stderr)
        return 2
    manifest = export_checkpoint(asked.checkpoint, asked.out)
    size = sum(file.stat().st_size for file in asked.out.iterdir())
    golden = ", ".join(str(len(one.reply)) for one in manifest.golden)
    print(
        f"{asked.out}: {manifest.name} {manifest.version}, {size / 1e6:.2f} MB,"
        f" golden replies of {golden} tokens"
    )
    return 0


def _has_all() -> bool:
    """Whether what training needs is installed; else it is said."""
    missing = any(importlib.util.find_spec(name) is None for name in NEEDED)
    if missing:
        print(MISSING, file=sys.stderr)
    return not missing


def _tell(line: str) -> None:
    print(line, flush=True)


if __name__ == "__main__":
    sys.exit(main())
