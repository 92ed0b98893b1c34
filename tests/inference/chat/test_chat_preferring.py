"""What is learned from pairs of replies. Needs torch, of the training group."""

import random

import numpy as np
import pytest
from chat_groups import a_group

pytest.importorskip("torch", reason="needs torch, of the training group")
pytest.importorskip("onnx", reason="needs the package onnx, of the training group")

import copy
from itertools import chain, repeat

import torch

from inference.training.chat.corpus import load_speeches
from inference.training.chat.corpus_file import Group, to_train
from inference.training.chat.decoder import Decoder
from inference.training.chat.judging import is_illegal
from inference.training.chat.packing import laid
from inference.training.chat.preferring import (
    Lessons,
    Pair,
    drawn_plans,
    group_of,
    pair_scores,
    pairs_of,
    preference_loss,
)
from inference.training.chat.saying import Said
from inference.training.chat.tokens import learned
from inference.training.export.llama_graph import Shape
from inference.wording.compact import VOICES
from protocol.wording import ACTS, Plan

SHAPE = Shape(vocabulary=3_008, layers=2, hidden=32, heads=4, kv_heads=2, inner=48, positions=256)
torch.set_num_threads(1)
EXACT = Lessons(is_half=False)


def a_model() -> Decoder:
    torch.manual_seed(1)
    return Decoder(SHAPE)


def test_a_pair_is_scored_as_its_replies_are_alone() -> None:
    chance = np.random.default_rng(1)
    model, rows = a_model(), [[a_group(chance, 2), a_group(chance, 2)], [a_group(chance, 2)]]
    with torch.no_grad():
        scores, there = pair_scores(model, laid(rows, 256), is_half=False)
        assert there.tolist() == [[True, True], [True, False]]
        for row, groups in enumerate(rows):
            for at, group in enumerate(groups):
                for which, reply in enumerate(group.replies):
                    alone = laid([[Group(group.prompt, (reply, reply))]], 256)
                    expected = pair_scores(model, alone, is_half=False)[0][0, 0, 0]
                    assert scores[row, at, which] == pytest.approx(float(expected), abs=1e-3)


def test_the_better_reply_becomes_more_likely_beside_the_worse() -> None:
    chance = np.random.default_rng(2)
    model = a_model()
    before = copy.deepcopy(model)
    batch = laid([[a_group(chance, 2)] for _ in range(4)], 256)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    losses = []
    for _ in range(6):
        loss, gained = preference_loss(model, before, batch, EXACT)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(loss.item())
    assert losses[0] == pytest.approx(np.log(2), abs=1e-5)  # nothing is preferred yet
    assert losses == sorted(losses, reverse=True)
    assert gained == 1.0


def test_plans_to_learn_from_are_of_every_voice_and_act_and_none_is_held_out() -> None:
    plans = drawn_plans(2_000, random.Random(1))
    assert {plan.voice for plan in plans} == set(VOICES)
    assert {plan.act for plan in plans} == set(ACTS)
    assert all(map(to_train, plans))


def test_an_illegal_reply_is_paired_with_a_legal_one_or_at_last_with_one_of_the_corpus() -> None:
    dice = random.Random(3)
    plans = [plan for plan in drawn_plans(80, dice) if "because" not in plan.facts][:4]
    bad = "{because}"
    replies = chain([bad, "Good.", bad, bad], [bad, "Better.", bad], repeat(bad))
    asked: list[int] = []

    def say(waiting: list[Plan]) -> list[Said]:
        asked.append(len(waiting))
        return [Said(plan=one, text=next(replies), tokens=1, is_whole=True) for one in waiting]

    pairs = list(pairs_of(say, plans, load_speeches(), dice))
    assert asked == [4, 3, 2, 2]
    assert [pair.worse for pair in pairs] == [bad] * 3
    assert pairs[0].better == "Better."
    assert {id(pair.plan) for pair in pairs} == {id(plans[at]) for at in (0, 2, 3)}
    assert not any(is_illegal(pair.plan, pair.better) for pair in pairs)


def test_a_pair_becomes_a_group_with_the_better_reply_first() -> None:
    tokenizer = learned(["Beds in {destination}, {user}.", "Beds for you."] * 3)
    (plan,) = drawn_plans(1, random.Random(2))
    group = group_of(tokenizer, Pair(plan, "Beds for you.", "Beds in {destination}."))
    spelled = [
        tokenizer.decode(reply.tolist(), skip_special_tokens=False) for reply in group.replies
    ]
    assert spelled == ["Beds for you.<end>", "Beds in {destination}.<end>"]
    assert tokenizer.decode(group.prompt.tolist(), skip_special_tokens=False).endswith("<say>")
