"""How deeply decoded JSON nests (pure)."""


def nests_deeper(value: object, levels: int) -> bool:
    """Whether it holds more than so many maps and lists within one another, itself included. Level by level:
    no recursion, and each part is looked at once."""
    level = [value] if isinstance(value, dict | list) else []
    while level and levels:
        levels -= 1
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
    return bool(level)
