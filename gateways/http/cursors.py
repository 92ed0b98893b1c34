"""Cursors into lists that a number orders, and among equals an id: `<number>-<id>` of the last item (pure)."""


def cursor_pattern(digits: int) -> str:
    """For numbers of at most so many."""
    return rf"^[0-9]{{1,{digits}}}-[0-9a-f]{{8}}(-[0-9a-f]{{4}}){{3}}-[0-9a-f]{{12}}(?!\n)$"


def cursor_of(number: int, id: str) -> str:
    """What `place_of` reads."""
    return f"{number}-{id}"


def place_of(cursor: str | None) -> tuple[int, str] | None:
    """The number and the id of the last item that was shown; None: the list begins."""
    if cursor is None:
        return None
    number, _, last = cursor.partition("-")
    return int(number), last
