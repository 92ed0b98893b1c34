"""Who is served when, and that everyone is answered: on a model and a clock that are told."""

import numpy as np
import pytest
from engine_stage import TINY, alone, some_prompts, tiny
from fake_model import FakeModel, request
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from core.errors import Overloaded
from inference.engine.fair_queue import FairQueue
from inference.engine.pace import Pace
from inference.engine.request import Model, Prompt, Reply, Request
from inference.engine.sampler import FORBIDDEN, Mask, NothingAllowedError, Sampling
from inference.engine.scheduler import Expired, Scheduler
from protocol.wording import Plan


class World:
    """A scheduler whose clock only its model moves."""

    def __init__(self, **options: object) -> None:
        self.now = 0.0
        self.model = FakeModel(self.spend, **options)  # type: ignore[arg-type]
        self.scheduler = Scheduler(self.model, clock=lambda: self.now)
        self.said: dict[Request, list[int]] = {}
        self.outcomes: dict[Request, Reply | Exception] = {}
        self.first_at: dict[Request, float] = {}

    def spend(self, seconds: float) -> None:
        self.now += seconds

    def submit(self, *tokens: int, **parts: object) -> Request:
        asked = request(*tokens, now=self.now, **parts)  # type: ignore[arg-type]
        self.scheduler.submit(asked)
        return asked

    def turn(self) -> None:
        for step in self.scheduler.turn():
            assert step.request not in self.outcomes, "answered twice"
            if step.token is not None:
                self.said.setdefault(step.request, []).append(step.token)
                self.first_at.setdefault(step.request, self.now)
            if step.outcome is not None:
                self.outcomes[step.request] = step.outcome

    def run(self, most: int = 10_000) -> None:
        for _ in range(most):
            if not self.scheduler.has_work:
                return
            self.turn()
        raise AssertionError("it does not come to an end")

    def reply(self, asked: Request) -> Reply:
        outcome = self.outcomes[asked]
        assert isinstance(outcome, Reply), outcome
        return outcome


def test_a_reply_ends_where_the_model_ends_it() -> None:
    world = World(says=3)
    asked = world.submit(100, 200)
    world.run()
    assert world.said[asked] == [201, 202, 203]
    assert world.reply(asked) == Reply(tokens=(201, 202, 203), ended="end", model=world.model)


def test_a_reply_is_cut_after_its_most_tokens() -> None:
    world = World(says=50)
    asked = world.submit(100, max_tokens=4)
    world.run()
    assert world.reply(asked).tokens == (101, 102, 103, 104)
    assert world.reply(asked).ended == "length"
    assert world.said[asked] == [101, 102, 103, 104]


def test_a_reply_is_cut_where_the_cache_ends() -> None:
    world = World(says=50)
    asked = world.submit(*range(300, 550))
    world.run()
    assert world.reply(asked).ended == "length"
    assert len(world.reply(asked).tokens) == 256 - 250 + 1  # the last one needs no place


def test_a_long_prompt_is_read_in_chunks_between_steps() -> None:
    world = World(says=30)
    world.submit(100)
    world.turn()
    world.submit(*range(200, 400))
    world.run()
    assert world.model.runs[:10] == [
        "read 1",
        "step 1",
        "read 64",
        "step 1",
        "read 64",
        "step 1",
        "read 64",
        "step 1",
        "read 8",
        "step 2",
    ]


def test_late_comers_join_at_once() -> None:
    world = World(says=40)
    first = world.submit(100)
    for _ in range(5):
        world.turn()
    second = world.submit(500)
    begun = world.now
    world.run()
    assert world.first_at[second] - begun <= 0.004 + 0.008 + 1e-9
    assert world.reply(first).tokens == tuple(range(101, 141))
    assert world.reply(second).tokens == tuple(range(501, 541))


def test_rooms_take_turns() -> None:
    world = World(slots=1, says=1, step_takes=0.001, chunk_takes=0.001)
    loud = [world.submit(100 + n, room="loud", within=9) for n in range(5)]
    quiet = world.submit(500, room="quiet", within=9)
    world.run()
    order = sorted([*loud, quiet], key=lambda asked: world.first_at[asked])
    assert order.index(quiet) == 1


def test_one_loud_room_does_not_make_a_quiet_one_refused() -> None:
    world = World(slots=1, says=20)
    for n in range(8):
        world.submit(100 + n, room="loud", within=10)
    with pytest.raises(Overloaded):
        world.submit(300, room="loud", within=10)
    world.submit(400, room="quiet", within=0.5)


def test_the_queue_is_bounded() -> None:
    world = World(slots=1)
    for n in range(64):
        world.submit(100, room=f"r{n}", within=100)
    with pytest.raises(Overloaded):
        world.submit(100, room="one more", within=100)
    assert world.scheduler.statistics()["queued"] == 64
    assert world.scheduler.statistics()["refused"] == 1


def test_what_would_come_too_late_is_refused_at_once() -> None:
    world = World(slots=2, says=30)
    for n in range(2):
        world.submit(100, room=f"r{n}")
    for _ in range(20):
        world.turn()
    with pytest.raises(Overloaded):  # 30 tokens of 4 ms, two slots: 60 ms for the next
        world.submit(100, room="c", within=0.040)
    world.submit(100, room="c", within=0.120)


def test_what_waited_past_its_deadline_is_answered_and_not_begun() -> None:
    world = World(slots=1, says=60)
    world.scheduler._current.pace = Pace(step=0.0, prefill=0.0)  # who expects nothing admits all
    first = world.submit(100)
    late = world.submit(200)
    world.run()
    assert isinstance(world.reply(first), Reply)
    assert isinstance(world.outcomes[late], Expired)
    assert late not in world.said
    assert world.scheduler.statistics()["expired"] == 1


def test_once_begun_a_deadline_for_beginning_says_nothing() -> None:
    world = World(chunk_takes=0.1)
    asked = world.submit(*range(100, 300), within=0.05)
    world.run()
    assert world.reply(asked).ended == "end"


def test_cancelled_rows_are_gone_before_the_next_step() -> None:
    world = World(says=50)
    gone, stays = world.submit(100), world.submit(500)
    for _ in range(6):
        world.turn()
    before = len(world.said[gone])
    assert not world.scheduler.withdraw(gone)
    world.run()
    assert len(world.said[gone]) == before
    assert gone not in world.outcomes
    assert world.reply(stays).tokens == tuple(range(501, 551))


def test_a_cancelled_prompt_is_read_no_further() -> None:
    world = World()
    gone = world.submit(*range(100, 300))
    world.turn()
    world.scheduler.withdraw(gone)
    world.run()
    assert world.model.runs == ["read 64"]
    assert not world.scheduler.has_work


def test_a_withdrawn_request_never_begins() -> None:
    world = World()
    gone = world.submit(100)
    assert world.scheduler.withdraw(gone)
    assert not world.scheduler.withdraw(gone)
    world.run()
    assert world.model.runs == []


def test_a_step_that_fails_fails_those_in_it_and_no_other() -> None:
    world = World(says=20)
    inside = [world.submit(100, room="a"), world.submit(200, room="b")]
    for _ in range(5):
        world.turn()
    reading = world.submit(*range(300, 400), room="c")
    world.turn()
    assert world.model.runs[-1] == "read 64"
    waiting = world.submit(500, room="d")
    world.model.fails.append(RuntimeError("the step"))
    world.turn()
    assert {type(world.outcomes[asked]) for asked in inside} == {RuntimeError}
    world.run()
    assert world.reply(reading).tokens == tuple(range(400, 420))
    assert world.reply(waiting).tokens == tuple(range(501, 521))
    assert world.scheduler.statistics()["failed"] == 2


def test_a_prefill_that_fails_fails_its_own_request() -> None:
    world = World(says=10)
    going = world.submit(100)
    world.turn()
    failing = world.submit(200, room="b")
    world.turn()
    assert world.model.runs[-1] == "step 1"  # the entrant's turn is next
    world.model.fails.append(RuntimeError("the prompt"))
    world.turn()
    later = world.submit(300, room="c")
    world.run()
    assert str(world.outcomes[failing]) == "the prompt"
    assert world.reply(going).tokens == tuple(range(101, 111))
    assert world.reply(later).tokens == tuple(range(301, 311))


@pytest.mark.parametrize(
    "parts",
    [
        {"tokens": ()},
        {"tokens": tuple(range(300))},
        {"tokens": (5, 6), "shared": 2},
        {"tokens": (5,), "max_tokens": 161},
        {"tokens": (5,), "max_tokens": 0},
    ],
)
def test_a_prompt_that_cannot_be_is_its_own_error(parts: dict[str, object]) -> None:
    world = World()
    wrong = Request(
        room_id="a",
        prepare=lambda model: Prompt(**parts),  # type: ignore[arg-type]
        prefill_by=1,
        reply_by=1,
    )
    world.scheduler.submit(wrong)
    right = world.submit(100, room="b")
    world.run()
    assert isinstance(world.outcomes[wrong], ValueError)
    assert world.reply(right).ended == "end"


class Scripted:
    """Allows one token after the other, or raises."""

    def __init__(self, *allowed: int | Exception) -> None:
        self._allowed = list(allowed)
        self.seen: list[int] = []

    def start(self, plan: Plan) -> Mask | None:
        return self._next()

    def advance(self, token: int) -> Mask | None:
        self.seen.append(token)
        return self._next()

    def _next(self) -> Mask | None:
        allowed = self._allowed.pop(0) if self._allowed else 1
        if isinstance(allowed, Exception):
            raise allowed
        mask = np.full(1_000, FORBIDDEN, np.float32)
        if allowed >= 0:
            mask[allowed] = 0
        return mask


PLAN = Plan(act="greet", voice="local", language="en", facts={})


def test_a_constraint_says_token_by_token_what_may_come() -> None:
    world = World()
    constraint = Scripted(7, 9, 8)
    asked = world.submit(100, constraint=constraint, plan=PLAN)
    other = world.submit(500)
    world.run()
    assert world.reply(asked) == Reply(tokens=(7, 9, 8), ended="end", model=world.model)
    assert constraint.seen == [7, 9, 8]
    assert world.reply(other).tokens == tuple(range(501, 511))


@pytest.mark.parametrize(
    ("script", "error"),
    [
        ((RuntimeError("start"),), RuntimeError),
        ((7, RuntimeError("advance")), RuntimeError),
        ((7, -1), NothingAllowedError),
        ((-1,), NothingAllowedError),
    ],
)
def test_a_constraint_that_fails_fails_its_own_request(
    script: tuple[int | Exception, ...], error: type[Exception]
) -> None:
    world = World()
    other = world.submit(500)
    asked = world.submit(100, room="b", constraint=Scripted(*script), plan=PLAN)
    world.run()
    assert isinstance(world.outcomes[asked], error)
    assert world.reply(other).tokens == tuple(range(501, 511))


def test_a_shared_beginning_is_read_once() -> None:
    world = World(says=2)
    shared = tuple(range(100, 200))
    one = world.submit(*shared, 300, shared=100)
    world.run()
    two = world.submit(*shared, 400, 401, shared=100)
    world.run()
    assert world.model.runs == [
        *("read 64", "read 36", "read 1", "step 1", "step 1"),
        *("read 2", "step 1", "step 1"),
    ]
    assert world.reply(one).tokens == (301, 302)
    assert world.reply(two).tokens == (402, 403)
    assert world.scheduler.statistics()["prefix_hits"] == 1


def test_the_real_model_says_the_same_with_a_kept_beginning() -> None:
    model = tiny()
    scheduler = Scheduler(model, clock=lambda: 0.0)
    shared, rest = some_prompts(3)[1], [9, 8, 7]
    replies = []
    for _ in range(2):
        asked = request(*shared, *rest, shared=len(shared), sampling=Sampling(temperature=1.0))
        scheduler.submit(asked)
        while scheduler.has_work:
            replies += [step.outcome for step in scheduler.turn() if step.outcome]
    assert scheduler.statistics()["prefix_hits"] == 1
    assert [reply.tokens for reply in replies if isinstance(reply, Reply)] == [
        replies[0].tokens  # type: ignore[union-attr]
    ] * 2


def test_the_real_model_in_company_says_what_it_says_alone() -> None:
    model = tiny()
    scheduler = Scheduler(model, clock=lambda: 0.0)
    prompts = some_prompts(9, seed=8)
    samplings = [Sampling(temperature=0.9, top_p=0.9, seed=seed) for seed in range(9)]
    asked = [
        request(*prompt, room=f"{n % 3}", sampling=sampling, max_tokens=5 + 2 * n)
        for n, (prompt, sampling) in enumerate(zip(prompts, samplings, strict=True))
    ]
    waiting, replies = list(asked), {}
    while waiting or scheduler.has_work:
        if waiting:
            scheduler.submit(waiting.pop(0))
        for step in [*scheduler.turn(), *scheduler.turn()]:
            if isinstance(step.outcome, Reply):
                replies[step.request] = step.outcome.tokens
    lonely = tiny(TINY)
    for n, (prompt, sampling) in enumerate(zip(prompts, samplings, strict=True)):
        expected = alone(lonely, prompt, 5 + 2 * n, sampling=sampling)
        said = list(replies[asked[n]])
        assert said == (expected[: expected.index(1)] if 1 in expected else expected)


def test_a_swap_drops_nobody() -> None:
    world = World(says=20)
    old = [world.submit(100, room="a"), world.submit(*range(200, 300), room="b")]
    for _ in range(4):
        world.turn()
    other = FakeModel(world.spend, version="2", says=20)
    waiting = world.submit(600, room="c")
    world.scheduler.activate(other)
    world.run()
    assert [world.reply(asked).model.version for asked in old] == ["1", "1"]
    assert world.reply(old[0]).tokens == tuple(range(101, 121))
    assert world.reply(old[1]).tokens == tuple(range(300, 320))
    assert world.reply(waiting).model.version == "2"
    assert world.scheduler.statistics()["swaps"] == 1
    assert world.scheduler.statistics()["draining"] == 0


def test_a_swap_forgets_the_prefixes() -> None:
    world = World()
    world.submit(5, 6, 7, shared=2)
    world.run()
    assert world.scheduler.statistics()["prefixes"] == 1
    world.scheduler.activate(FakeModel(world.spend, version="2"))
    world.run()
    assert world.scheduler.statistics()["prefixes"] == 0


def test_a_model_that_comes_back_while_it_drains_keeps_its_rows() -> None:
    world = World(says=30)
    first = world.submit(100)
    for _ in range(4):
        world.turn()
    world.scheduler.activate(FakeModel(world.spend, version="2", says=30))
    second = world.submit(300)
    for _ in range(4):
        world.turn()
    world.scheduler.activate(world.model)
    third = world.submit(500)
    world.run()
    versions = [world.reply(asked).model.version for asked in (first, second, third)]
    assert versions == ["1", "2", "1"]
    assert world.reply(first).tokens == tuple(range(101, 131))
    assert world.reply(third).tokens == tuple(range(501, 531))


def test_a_wrong_turn_answers_everyone() -> None:
    world = World()
    going, waiting = world.submit(100), world.submit(200)
    world.turn()
    error = RuntimeError("ours")
    progress = world.scheduler.fail_all(error)
    assert {step.request for step in progress} == {going, waiting}
    assert all(step.outcome is error for step in progress)
    assert not world.scheduler.has_work


def test_the_turns_of_rooms_as_predicted() -> None:
    """`ahead_of` says how many `take` gives before: for random queues."""
    chance = np.random.default_rng(4)
    for _ in range(200):
        queue = FairQueue()
        for room in chance.integers(0, 5, size=chance.integers(0, 20)):
            if chance.random() < 0.3:
                queue.take()
            try:
                queue.put_nowait(request(room=f"{room}"))
            except Overloaded:
                continue
        mine = request(room=f"{chance.integers(0, 6)}")
        predicted = queue.ahead_of(mine.room_id)
        try:
            queue.put_nowait(mine)
        except Overloaded:
            continue
        taken = 0
        while queue.take() is not mine:
            taken += 1
        assert taken == predicted


class Life(RuleBasedStateMachine):
    """Anything in any order: everyone is answered once, and rightly."""

    def __init__(self) -> None:
        super().__init__()
        self.world = World(slots=3, says=5, step_takes=0.002, chunk_takes=0.003)
        self.models: list[Model] = [self.world.model]
        self.asked: dict[Request, int] = {}
        self.cancelled: set[Request] = set()
        self.count = 0

    @rule(room=st.integers(0, 2), length=st.integers(1, 150), shared=st.integers(0, 3))
    def submit(self, room: int, length: int, shared: int) -> None:
        self.count = (self.count + 10) % 500
        tokens = [5, 6, 7][:shared] + [9] * (length - 1) + [200 + self.count]
        try:
            asked = self.world.submit(*tokens, room=f"{room}", shared=shared)
        except Overloaded:
            return
        self.asked[asked] = tokens[-1]

    @rule(turns=st.integers(1, 4))
    def go_on(self, turns: int) -> None:
        for _ in range(turns):
            self.world.turn()

    @precondition(lambda self: self.asked)
    @rule(data=st.data())
    def cancel(self, data: st.DataObject) -> None:
        gone = data.draw(st.sampled_from(list(self.asked)))
        if gone not in self.world.outcomes:
            self.world.scheduler.withdraw(gone)
            self.cancelled.add(gone)

    @rule(seconds=st.floats(0, 0.2))
    def wait(self, seconds: float) -> None:
        self.world.now += seconds

    @rule()
    def fail(self) -> None:
        self.world.scheduler._current.model.fails[:] = [RuntimeError("once")]  # type: ignore[attr-defined]

    @rule(fresh=st.booleans())
    def swap(self, fresh: bool) -> None:
        if fresh or len(self.models) == 1:
            version = str(len(self.models) + 1)
            self.models.append(FakeModel(self.world.spend, slots=3, says=5, version=version))
        else:
            self.models[-1], self.models[-2] = self.models[-2], self.models[-1]
        self.world.scheduler.activate(self.models[-1])

    @invariant()
    def nobody_is_in_two_places(self) -> None:
        assert self.world.scheduler.statistics()["busy"] <= 3

    def teardown(self) -> None:
        self.world.run()
        for asked, last in self.asked.items():
            said = self.world.said.get(asked, [])
            assert said == list(range(last + 1, last + 1 + len(said)))
            if asked in self.cancelled:
                continue
            outcome = self.world.outcomes[asked]
            if isinstance(outcome, Reply):
                assert list(outcome.tokens) == said == list(range(last + 1, last + 6))


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
