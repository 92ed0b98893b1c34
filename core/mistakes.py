"""How far two spellings of a word are apart (pure)."""


def mistakes_in(word: str, other: str, *, most: int | None = None) -> list[int]:
    """Letters to change, add, leave out or swap with their neighbour until `word` is the first 0, 1, … letters
    of `other` (optimal string alignment). Empty, as soon as each of them takes more than `most`."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for row, letter in enumerate(word, 1):
        line = [row]
        for column, own in enumerate(other, 1):
            cost = min(last[column] + 1, line[column - 1] + 1, last[column - 1] + (letter != own))
            if row > 1 and column > 1 and (letter, word[row - 2]) == (other[column - 2], own):
                cost = min(cost, before[column - 2] + 1)
            line.append(cost)
        if most is not None and min(line) > most:
            return []
        before, last = last, line
    return last
