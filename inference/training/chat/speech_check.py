"""What is wrong with a voice's texts for the corpus, and how varied they are:

.venv/bin/python -m inference.training.chat.speech_check VOICE [--samples 4000] [--show ACT]
"""

import argparse
import random
import sys
from collections import Counter

from inference.training.chat.corpus import load_speech
from inference.training.chat.plans import drawn
from inference.training.chat.speaker import Speaker
from inference.wording.compact import VOICES
from inference.wording.filling import check
from inference.wording.templates import Templates
from protocol.wording import ACTS

MOST_WORDS = 44
"""Words and placeholders of a reply, for 60 tokens."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("voice", choices=VOICES)
    parser.add_argument("--samples", type=int, default=4000, help="per act")
    parser.add_argument("--show", choices=ACTS, help="print thirty replies of this act")
    asked = parser.parse_args()
    spoken = load_speech(asked.voice)
    speaker = Speaker(spoken)
    dice = random.Random(7)  # noqa: S311 - words, not secrets
    templates = Templates.load()
    if asked.show:
        for _ in range(30):
            print("-", speaker.say(drawn(dice, asked.voice, asked.show), dice))
        return
    faults: Counter[str] = Counter()
    for act in ACTS:
        seen: Counter[str] = Counter()
        longest, same = "", 0
        for _ in range(asked.samples):
            plan = drawn(dice, asked.voice, act)
            text = speaker.say(plan, dice)
            seen[text] += 1
            longest = max(longest, text, key=lambda one: len(one.split()))
            same += text == templates.write(plan)
            for fault in check(plan, text):
                faults[f"{act}: {fault}"] += 1
            if len(text.split()) > MOST_WORDS:
                faults[f"{act}: {len(text.split())} words: {text}"] += 1
        share = len(seen) / asked.samples
        print(
            f"{act:16} {len(spoken.acts[act]):3} patterns, {share:6.1%} distinct, as templates {same}"
        )
    for fault, count in faults.most_common(40):
        print(f"{count:5} {fault}")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
