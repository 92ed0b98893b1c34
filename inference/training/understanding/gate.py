"""The gate: `python -m inference.training.understanding.gate [--half development|locked] [--reader ngrams|encoder]`.

Prints a table and, with --json, its figures; 0 when every gate of the half is passed. The locked half is read by
nothing else: its files must be those that were committed (sha256 below), every evaluation of it is appended to
data/messages/evaluations.jsonl before its figures are printed, and after ten of them it refuses.
"""

import argparse
import json
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from inference.encoder.encoder import EncoderMissing
from inference.encoder.intents import load_heads
from inference.reader import OFF, ModelReader
from inference.training.limits import Limit
from inference.training.understanding.held_out import HERE, Half, Message, digests, messages
from inference.training.understanding.judging import SLOTS, Judgement
from inference.training.understanding.overlap import overlapping, variants
from inference.training.understanding.phrasings import LANGUAGES
from inference.training.understanding.places import gazetteer
from inference.training.where import models_folder
from inference.understanding.intents import IntentModel
from inference.understanding.ngrams import load_ngrams
from protocol.understanding import Language, Setting, Understanding

LOCKED: Final = {
    "de.jsonl": "4dae067e89a2f6ee7d5c6fe739bf89193f036578e8277a1175be09a8b55465ba",
    "en.jsonl": "a377f7f6c5126a99aac35ad728652253b3aef45422b294c3e5fa174a2afb282b",
    "es.jsonl": "bc80c82b686810109330510757dfa698002835531be8505486f0389309e718f6",
    "fr.jsonl": "eab95b2bf12d21fffaf5db976282155276845f765921354b426fa1e33a474727",
}
EVALUATIONS: Final = HERE / "evaluations.jsonl"
MAX_EVALUATIONS: Final = 10

Read = Callable[[str, Setting], Understanding]


LIMITS: Final = (
    Limit("intent", least=0.75),
    Limit("slot_f1", least=0.75),
    Limit("chatter_answered", most=0.02),
    Limit("prompts_missed", most=0.10),
)
LEAD: Final = Limit("lead", least=0.20)
"""Of the encoder over the n-grams, in intents."""
OF_A_LANGUAGE: Final = Limit("intent", least=0.65)
"""A language below is to be off (`inference.reader.OFF`)."""


class Refused(Exception):
    """The gate does not judge; the sentence says why."""


def judged(read: Read, said: Iterable[tuple[Language, Message]]) -> dict[str, Judgement]:
    """By language, and "all"."""
    found = {"all": Judgement()}
    for language, message in said:
        reading = read(message.text, message.setting)
        for key in ("all", language):
            found.setdefault(key, Judgement()).add(message, language, reading)
    return found


def of_half(half: Half) -> list[tuple[Language, Message]]:
    """Every message, with the language it was written in."""
    return [(language, message) for language in LANGUAGES for message in messages(half, language)]


def require_unchanged(half: Half, right: Mapping[str, str] = LOCKED) -> None:
    """Raises `Refused` when the locked half is not the one that was committed."""
    if half == "locked" and digests(half) != dict(right):
        raise Refused("the locked half is not what was committed")


def require_no_overlap(texts: Iterable[str]) -> None:
    """Raises `Refused` when something to train on shares four words in a row with what judges."""
    found = next(overlapping(texts), None)
    if found is not None:
        raise Refused(f"{found[0]!r} shares {' '.join(found[1])!r} with a message that judges")


def note(entry: Mapping[str, Any], path: Path = EVALUATIONS) -> None:
    """One more evaluation of the locked half. Raises `Refused` when there were ten."""
    earlier = path.read_text("utf-8").splitlines() if path.exists() else []
    if len(earlier) >= MAX_EVALUATIONS:
        raise Refused(f"the locked half was evaluated {len(earlier)} times; there is no eleventh")
    with path.open("a", encoding="utf-8") as file:
        file.write(json.dumps(entry, ensure_ascii=False) + "\n")


def models(reader: str) -> list[IntentModel]:
    """Best first. Raises `Refused` when the one that is asked for is not there."""
    ngrams = load_ngrams()
    if reader == "ngrams":
        return [ngrams]
    try:
        return [load_heads(models_folder()), ngrams]
    except EncoderMissing as error:
        raise Refused(f"no encoder: {error}") from None


def by_words_alone(model: IntentModel, said: Iterable[tuple[Language, Message]]) -> float:
    """Share of intents that a model finds that is told neither the setting nor what the rules saw."""
    right = [
        model.scores(message.text, Setting(people=2)).of(message.intent)
        == max(model.scores(message.text, Setting(people=2)).intents)
        for _, message in said
    ]
    return sum(right) / len(right)


def report(found: Mapping[str, Judgement]) -> dict[str, dict[str, float]]:
    """Figures by language."""
    return {key: dict(judgement.figures()) for key, judgement in found.items()}


def too_poor(
    figures: Mapping[str, Mapping[str, float]], off: frozenset[Language] = OFF
) -> list[Language]:
    """Languages that are read too badly to be on, and are."""
    return [
        language
        for language in LANGUAGES
        if language not in off and not OF_A_LANGUAGE.is_kept(figures[language])
    ]


def table(figures: Mapping[str, Mapping[str, float]]) -> str:
    """For people."""
    columns = ["messages", "intent", "language", "chatter_answered", "prompts_missed", "slot_f1"]
    columns += [f"f1_{slot}" for slot in SLOTS]
    heads = [column.removeprefix("f1_")[:11].rjust(12) for column in columns]
    lines = ["    " + "".join(heads)]
    for key, values in figures.items():
        cells = (f"{values[c]:12.0f}" if c == "messages" else f"{values[c]:12.3f}" for c in columns)
        lines.append(key.ljust(4) + "".join(cells))
    return "\n".join(lines)


def confusions(found: Judgement, most: int = 12) -> str:
    """What is taken for what, most often first."""
    return ", ".join(
        f"{right}→{said} {count}" for (right, said), count in found.confused.most_common(most)
    )


def main(arguments: Sequence[str]) -> int:
    """0: passed; 1: not; 2: refused to judge."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--half", choices=("development", "locked"), default="development")
    parser.add_argument("--reader", choices=("ngrams", "encoder"), default="ngrams")
    parser.add_argument("--json", type=Path, help="write the figures here")
    parser.add_argument("--confusions", action="store_true", help="development only")
    chosen = parser.parse_args(arguments)
    try:
        return _gate(chosen)
    except Refused as refusal:
        print(f"refused: {refusal}", file=sys.stderr)
        return 2


def _gate(chosen: argparse.Namespace) -> int:
    half: Half = chosen.half
    require_unchanged(half)
    require_no_overlap(text for language in LANGUAGES for text in variants(language))
    best = models(chosen.reader)
    said = of_half(half)
    found = judged(ModelReader(best, gazetteer()).read_sync, said)
    figures, limits = report(found), list(LIMITS)
    figures["all"]["ngrams_by_words_alone"] = by_words_alone(load_ngrams(), said)
    if chosen.reader == "encoder":
        baseline = judged(ModelReader(best[1:], gazetteer()).read_sync, said)["all"]
        figures["all"]["lead"] = figures["all"]["intent"] - baseline.figures()["intent"]
        limits.append(LEAD)
    if half == "locked":
        at = datetime.now(UTC).isoformat(timespec="seconds")
        versions = {model.name: model.version for model in best}
        note({"at": at, "reader": chosen.reader, "versions": versions, "figures": figures})
    print("read by " + ", else ".join(f"{model.name} {model.version}" for model in best))
    print(table(figures))
    print(f"n-grams told of words alone: {figures['all']['ngrams_by_words_alone']:.3f} of intents")
    if chosen.confusions and half == "development":
        print(confusions(found["all"]))
    if chosen.json:
        chosen.json.write_text(json.dumps(figures, indent=2) + "\n", "utf-8")
    failed = [limit for limit in limits if not limit.is_kept(figures["all"])]
    poor = too_poor(figures)
    for limit in limits:
        print(f"{'failed' if limit in failed else 'passed'}  {limit.figure} {limit}")
    for language in poor:
        print(
            f"failed  {language} is on, with less than {OF_A_LANGUAGE.least} of its intents right"
        )
    return 1 if failed or poor else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
