"""A head on tokens hears neighbours wherever they stand, beside the whole and the setting; what torch fits, numpy reads."""

from dataclasses import replace

import numpy as np
import pytest

from inference.encoder.encoder import Encoded
from inference.encoder.token_head import EMB_SCALE, TokenHead, head_of, windows

WIDTH, FILTERS, HIDDEN, SETTING, INTENTS = 4, 2, 3, 2, 19


def silent(members: int = 1) -> TokenHead:
    """Whatever it reads, it says nothing."""

    def noughts(*shape: int) -> np.ndarray:
        return np.zeros((members, *shape), np.float32)

    return TokenHead(
        middle=np.zeros(WIDTH, np.float32),
        spread=np.ones(WIDTH, np.float32),
        filters=noughts(3 * WIDTH, FILTERS),
        filter_biases=noughts(1, FILTERS),
        attention=noughts(FILTERS, 1),
        inner=noughts(2 * FILTERS + WIDTH + SETTING, HIDDEN),
        inner_biases=noughts(1, HIDDEN),
        outer=noughts(HIDDEN, 1 + INTENTS),
        outer_biases=noughts(1, 1 + INTENTS),
    )


def hears(*kinds: int, at: int = 0) -> TokenHead:
    """Its first filter hears tokens of these kinds, one after the other; `at`: of what it says of that, at most (0)
    or where attention lies (FILTERS), it says on whom a message is for."""
    head = silent()
    for place, kind in enumerate(kinds):
        head.filters[0, place * WIDTH + kind, 0] = 1.0
    head.filter_biases[0, 0, 0] = 1.0 - len(kinds)
    head.inner[0, at, 0] = 1.0
    head.outer[0, 0, 0] = 1.0
    return head


def said(*kinds: int) -> Encoded:
    tokens = np.eye(WIDTH, dtype=np.float32)[list(kinds)]
    emb = np.array([0.0, 0.0, 1.0, 0.0], np.float32)
    return Encoded(emb, tokens, ((0, 1),) * len(kinds))


def odds(head: TokenHead, encoded: Encoded, *setting: float) -> float:
    return head.read(encoded, setting or (0.0, 0.0))[0]


@pytest.mark.parametrize("kinds", [(0, 1, 2), (3, 0, 1, 2, 3, 3), (3, 3, 3, 0, 1, 2)])
def test_neighbours_are_heard_wherever_they_stand(kinds: tuple[int, ...]) -> None:
    assert odds(hears(0, 1, 2), said(*kinds)) == pytest.approx(1)


def test_the_same_tokens_in_another_order_are_something_else() -> None:
    assert odds(hears(0, 1, 2), said(2, 1, 0)) == 0


def test_attention_is_shared_by_the_tokens() -> None:
    head = hears(0, at=FILTERS)  # (the one before)
    message = said(0, 3, 3, 3)
    assert odds(head, message) == pytest.approx(0.25)
    head.attention[0, 0, 0] = 20.0
    assert odds(head, message) == pytest.approx(1)


def test_the_direction_and_the_setting_are_heard_beside_them() -> None:
    head = silent()
    head.inner[0, 2 * FILTERS + 2, 0] = 1.0
    head.inner[0, 2 * FILTERS + WIDTH + 1, 0] = 3.0
    head.outer[0, 0, 0] = 1.0
    assert odds(head, said(0)) == pytest.approx(EMB_SCALE)
    assert odds(head, said(0), 0.0, 1.0) == pytest.approx(EMB_SCALE + 3)


def test_tokens_are_scaled_before() -> None:
    scaled = replace(
        hears(0), middle=np.full(WIDTH, -1.0, np.float32), spread=np.full(WIDTH, 0.5, np.float32)
    )
    assert odds(scaled, said(0, 3)) == pytest.approx(4)


def test_members_are_averaged() -> None:
    both = silent(members=2)
    both.outer_biases[:, 0, 0] = 1.0, 4.0
    both.outer_biases[:, 0, 5] = 2.0, 0.0
    meant, intents = both.read(said(0, 1), (0.0, 0.0))
    assert meant == pytest.approx(2.5)
    assert intents.tolist() == [0.0] * 4 + [1.0] + [0.0] * 14


def test_beyond_the_ends_there_is_nothing() -> None:
    assert windows(np.ones((1, 2), np.float32)).tolist() == [[0, 0, 1, 1, 0, 0]]


def messages(count: int, seed: int = 1):
    """For a persona where a token of kind 0 stands before one of kind 1, and not where it is the other way round."""
    from inference.training.encoder.token_head import Messages

    chance = np.random.default_rng(seed)
    meant, rows = chance.random(count) < 0.5, []
    for is_meant in meant:
        kinds = list(chance.integers(2, WIDTH, chance.integers(2, 7)))
        at = chance.integers(len(kinds))
        rows.append([*kinds[:at], *((0, 1) if is_meant else (1, 0)), *kinds[at:]])
    whole = chance.normal(size=(count, WIDTH + SETTING)).astype(np.float32)
    return Messages(
        tokens=np.eye(WIDTH, dtype=np.float16)[np.concatenate(rows)],
        starts=np.cumsum([0, *map(len, rows)]),
        whole=whole,
        meant=meant,
        intents=np.where(meant, 3, 7),
    )


def alone(read, at: int) -> tuple[Encoded, list[float]]:
    tokens = read.tokens[read.starts[at] : read.starts[at + 1]].astype(np.float32)
    whole = read.whole[at]
    spans = ((0, 1),) * len(tokens)
    return Encoded(whole[:WIDTH] / EMB_SCALE, tokens, spans), whole[WIDTH:].tolist()


def test_numpy_reads_alone_what_torch_reads_among_longer_ones() -> None:
    torch = pytest.importorskip("torch", reason="needs torch, of the training group")
    from inference.training.encoder.token_head import Member, arrays_of, padded

    torch.manual_seed(1)
    members = [Member(WIDTH, WIDTH + SETTING, SETTING).eval() for _ in range(2)]
    plain = np.zeros(WIDTH, np.float32), np.ones(WIDTH, np.float32)
    head = head_of(arrays_of(members, *plain))
    read = messages(9)
    tokens, is_there = padded(read, np.arange(9))
    assert not is_there.all()
    with torch.no_grad():
        inputs = [torch.from_numpy(array) for array in (tokens, is_there, read.whole)]
        theirs = torch.stack([member(*inputs) for member in members]).mean(dim=0).numpy()
    for at in range(9):
        meant, intents = head.read(*alone(read, at))
        assert [meant, *intents] == pytest.approx(theirs[at].tolist(), abs=2e-3)


def test_it_learns_who_stands_before_whom() -> None:
    pytest.importorskip("torch", reason="needs torch, of the training group")
    from inference.training.encoder.token_head import fit

    arrays = fit(messages(600), setting=SETTING, members=1, rounds=8)
    head, fresh = head_of(arrays), messages(100, seed=2)
    read = [head.read(*alone(fresh, at)) for at in range(100)]
    assert (
        np.mean([(meant > 0) == right for (meant, _), right in zip(read, fresh.meant, strict=True)])
        > 0.9
    )
    assert {int(intents.argmax()) for _, intents in read} == {3, 7}


def test_the_same_examples_give_the_same_head() -> None:
    pytest.importorskip("torch", reason="needs torch, of the training group")
    from inference.training.encoder.token_head import fit

    one, other = (fit(messages(80), setting=SETTING, members=2, rounds=1) for _ in range(2))
    assert all((one[name] == other[name]).all() for name in one)
    assert (one["filters"][0] != one["filters"][1]).any()
