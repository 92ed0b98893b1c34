"""Whoever else is in the batch: a row says, bit for bit, what it says alone."""

import numpy as np
import pytest
from engine_stage import TINY, alone, read_whole, some_prompts, tiny

from inference.engine.chat_model import ChatModel
from inference.engine.sampler import FORBIDDEN, GREEDY, NothingAllowedError, Sampling

WARM = [Sampling(temperature=0.8, top_p=0.95, seed=seed) for seed in range(7)]


def in_one_batch(
    model: ChatModel, prompts: list[list[int]], samplings: list[Sampling], tokens: int
) -> list[list[int]]:
    """A prompt joins every other step; who is done leaves and the last row takes its place."""
    replies: list[list[int]] = [[] for _ in prompts]
    rows: list[int] = []
    waiting, turn = list(range(len(prompts))), 0
    while waiting or rows:
        if waiting and turn % 2 == 0 and len(rows) < model.slots:
            which = waiting.pop(0)
            model.start(len(rows), samplings[which])
            read_whole(model, len(rows), prompts[which])
            replies[which].append(model.first(len(rows)))
            rows.append(which)
        drawn = model.step([replies[which][-1] for which in rows])
        for which, token in zip(rows, drawn, strict=True):
            replies[which].append(token)
        for row in reversed(range(len(rows))):
            if len(replies[rows[row]]) >= tokens:
                last = len(rows) - 1
                model.move(last, row)
                rows[row] = rows[last]
                rows.pop()
        turn += 1
    return [reply[:tokens] for reply in replies]


@pytest.mark.parametrize("samplings", [[GREEDY] * 7, WARM], ids=["greedy", "drawn"])
def test_rows_that_join_and_leave_say_what_they_say_alone(samplings: list[Sampling]) -> None:
    model, prompts = tiny(), some_prompts(7)

    together = in_one_batch(model, prompts, samplings, 24)

    for prompt, sampling, reply in zip(prompts, samplings, together, strict=True):
        assert reply == alone(model, prompt, 24, sampling=sampling)


def test_the_logits_do_not_depend_on_batch_mates() -> None:
    model, prompts = tiny(), some_prompts(4)
    lonely = []
    for prompt in prompts:
        model.start(0, GREEDY)
        read_whole(model, 0, prompt)
        first = model.logits(0)
        model.step([9])
        lonely.append((first, model.logits(0)))

    for row, prompt in enumerate(prompts):
        model.start(row, GREEDY)
        read_whole(model, row, prompt)
        assert np.array_equal(model.logits(row), lonely[row][0])
    model.step([9, 9, 9, 9])

    for row in range(4):
        assert np.array_equal(model.logits(row), lonely[row][1])


def test_a_prompt_in_chunks_is_the_prompt_in_one_piece_but_for_rounding() -> None:
    """One token alone is multiplied by another kernel than many: so where a prompt is cut is a rule of
    the lane's, the same with a kept prefix and without."""
    model = tiny()
    prompt = some_prompts(1)[0]
    model.start(0, GREEDY)
    model.read(0, prompt)
    whole = model.logits(0)
    for cut in (1, 7, len(prompt) - 1):
        model.start(0, GREEDY)
        model.read(0, prompt[:cut])
        model.read(0, prompt[cut:])
        assert np.allclose(model.logits(0), whole, atol=1e-4)


def test_a_copied_prefix_gives_the_same_logits_bit_for_bit() -> None:
    model = tiny()
    prefix, rest = some_prompts(2)[1], [5, 6, 7]
    model.start(0, GREEDY)
    read_whole(model, 0, prefix)
    kept = model.keep(0)
    model.read(0, rest)
    expected = model.logits(0)

    for row in (0, 3):
        model.start(row, GREEDY)
        model.restore(row, kept)
        model.read(row, rest)
        assert np.array_equal(model.logits(row), expected)


def test_a_slot_remembers_nothing_of_who_was_there_before() -> None:
    model = tiny()
    long, short = some_prompts(2)[1], [4, 8]
    expected = alone(model, short, 10)
    only = np.full(model.vocabulary, FORBIDDEN, np.float32)
    only[33] = 0
    alone(model, long, 40, sampling=WARM[1], mask=only)
    model.start(0, GREEDY)
    read_whole(model, 0, short)
    reply = [model.first(0)]
    while len(reply) < 10:
        reply.append(model.step([reply[-1]])[0])
    assert reply == expected


def test_a_row_is_drawn_as_before_wherever_it_is_moved() -> None:
    model, prompt = tiny(), some_prompts(1)[0]
    cold, hot = Sampling(temperature=0.2, top_p=1e-6, seed=1), Sampling(temperature=2.0, seed=7)
    expected = alone(model, prompt, 8, sampling=hot)
    for row, sampling in enumerate((cold, hot)):
        model.start(row, sampling)
        read_whole(model, row, prompt)
    reply = [model.first(1)]
    model.move(1, 0)
    while len(reply) < 8:
        reply.append(model.step([reply[-1]])[0])
    assert reply == expected


def test_two_seeds_say_two_things_and_one_seed_one() -> None:
    model, prompt = tiny(), some_prompts(1)[0]
    hot = [Sampling(temperature=1.5, seed=seed) for seed in (1, 2, 1)]
    one, two, again = (alone(model, prompt, 20, sampling=sampling) for sampling in hot)
    assert one == again
    assert one != two


def test_draws_follow_the_softmax_of_the_best() -> None:
    model, prompt = tiny(), some_prompts(1)[0]
    model.start(0, GREEDY)
    read_whole(model, 0, prompt)
    best = np.sort(model.logits(0))[::-1][:20].astype(np.float64)
    order = np.argsort(model.logits(0))[::-1]
    expected = np.exp(best / 2) / np.exp(best / 2).sum()
    counts = dict.fromkeys(order[:20].tolist(), 0)
    for seed in range(1_000):
        model._sampler.start(0, Sampling(temperature=2.0, seed=seed))
        counts[model.first(0)] += 1
    seen = np.array([counts[token] for token in order[:20].tolist()]) / 1_000
    assert np.abs(seen - expected).max() < 0.05


def test_a_nucleus_leaves_the_unlikely_out() -> None:
    model, prompt = tiny(), some_prompts(1)[0]
    model.start(0, GREEDY)
    read_whole(model, 0, prompt)
    likeliest = model.first(0)
    for seed in range(50):
        model._sampler.start(0, Sampling(temperature=1.5, top_p=1e-6, seed=seed))
        assert model.first(0) == likeliest


def test_only_what_the_mask_allows_is_drawn() -> None:
    model, prompt = tiny(), some_prompts(1)[0]
    mask = np.full(model.vocabulary, FORBIDDEN, np.float32)
    mask[[17, 40]] = 0
    reply = alone(model, prompt, 30, sampling=Sampling(temperature=2.0, seed=3), mask=mask)
    assert set(reply) <= {17, 40}


def test_a_mask_is_its_own_row_s() -> None:
    model, prompts = tiny(), some_prompts(3)
    expected = [alone(model, prompt, 6) for prompt in prompts]
    only = np.full(model.vocabulary, FORBIDDEN, np.float32)
    only[33] = 0
    for row, prompt in enumerate(prompts):
        model.start(row, GREEDY)
        read_whole(model, row, prompt)
    model.allow(1, only)
    drawn = [model.first(row) for row in range(3)]
    assert drawn == [expected[0][0], 33, expected[2][0]]

    model.move(2, 1)  # the mask leaves with its row
    assert model.step([drawn[0], drawn[2]]) == [expected[0][1], expected[2][1]]


def test_a_mask_that_allows_nothing_is_an_error_of_its_row_alone() -> None:
    model = tiny()
    for row in range(2):
        model.start(row, GREEDY)
        model.read(row, [5, 6])
    model.allow(0, np.full(model.vocabulary, FORBIDDEN, np.float32))
    first, second = model.step([7, 7])
    assert isinstance(first, NothingAllowedError)
    assert isinstance(second, int)


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf])
def test_numbers_that_are_none_draw_nothing(wrong: float) -> None:
    model = tiny()
    model.start(0, GREEDY)
    model.read(0, [5, 6])
    model._decoder.logits[0] = wrong
    assert isinstance(model.first(0), NothingAllowedError)


def test_a_mask_of_another_shape_is_refused() -> None:
    model = tiny()
    with pytest.raises(ValueError, match="float32"):
        model.allow(0, np.zeros(3, np.float32))


def test_a_run_that_fails_leaves_the_row_as_it_was() -> None:
    model = tiny()
    model.start(0, GREEDY)
    model.read(0, [5, 6])
    with pytest.raises(Exception, match="indices"):
        model.read(0, [8, 9, 999_999])
    model.read(0, [7])
    got = model.logits(0)
    model.start(0, GREEDY)
    model.read(0, [5, 6])
    model.read(0, [7])
    assert np.array_equal(model.logits(0), got)


def test_the_path_of_the_tiny_model_is_small() -> None:
    assert sum(file.stat().st_size for file in TINY.iterdir()) < 300_000
