"""A vocabulary that needs no corpus: every byte, the ends, and the placeholders of the wording."""

from pathlib import Path

from tokenizers import Tokenizer, decoders, models, pre_tokenizers

from protocol.wording import PLACEHOLDERS

BEGIN, END, PAD = "<s>", "</s>", "<pad>"


def write_tokenizer(path: Path, *, with_placeholders: bool) -> int:
    """`tokenizer.json`; how many tokens it has. The first three are `<s>`, `</s>` and `<pad>`."""
    special = [BEGIN, END, PAD]
    if with_placeholders:
        special += [f"{{{name}}}" for name in PLACEHOLDERS]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate([*special, *letters])}
    tokenizer = Tokenizer(models.BPE(vocabulary, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens(special)
    tokenizer.save(str(path))
    return tokenizer.get_vocab_size()
