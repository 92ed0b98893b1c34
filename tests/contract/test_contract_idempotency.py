"""What every `IdempotencyKeys` promises."""

import pytest
import trio

from core.errors import Rejected
from core.ports.repositories import Claim, StoredAnswer

ANSWER = StoredAnswer(body_hash=b"hash", status=201, body=b'{"id":1}')


async def test_the_first_call_is_ours_and_its_answer_is_replayed(people):
    claim = await people.idempotency.begin("1/ada/POST", "key", b"hash")
    await people.idempotency.finish(claim, ANSWER)
    assert await people.idempotency.begin("1/ada/POST", "key", b"hash") == ANSWER


async def test_another_body_or_a_call_under_way_is_a_conflict(people):
    claim = await people.idempotency.begin("scope", "key", b"hash")
    await refused_as_under_way(people, b"hash")
    await people.idempotency.finish(claim, ANSWER)
    await refused_as_another(people, b"other")


async def test_scopes_do_not_share_keys(people):
    await people.idempotency.begin("scope", "key", b"hash")
    assert isinstance(await people.idempotency.begin("other", "key", b"hash"), Claim)


async def test_an_abandoned_key_may_be_used_again_but_an_answered_one_stays(people):
    first = await people.idempotency.begin("scope", "key", b"hash")
    await people.idempotency.abandon(first)
    second = await people.idempotency.begin("scope", "key", b"other")
    answer = StoredAnswer(body_hash=b"other", status=200, body=b"")
    await people.idempotency.finish(second, answer)
    await people.idempotency.abandon(second)
    assert await people.idempotency.begin("scope", "key", b"other") == answer


async def test_of_many_at_once_one_begins(people):
    outcomes = []

    async def begin():
        try:
            outcomes.append(type(await people.idempotency.begin("scope", "key", b"hash")))
        except Rejected as refused:
            outcomes.append(refused.code)

    async with trio.open_nursery() as nursery:
        for _ in range(6):
            nursery.start_soon(begin)
    assert sorted(outcomes, key=str) == [Claim, *["conflict"] * 5]


async def test_a_claim_whose_process_died_is_given_up_and_an_answer_after_a_week(people):
    await people.idempotency.begin("scope", "key", b"hash")
    people.clock.advance(121)
    claim = await people.idempotency.begin("scope", "key", b"hash")
    await people.idempotency.finish(claim, ANSWER)
    people.clock.advance(7 * 86_400 - 1)
    assert await people.idempotency.begin("scope", "key", b"hash") == ANSWER
    people.clock.advance(2)
    assert isinstance(await people.idempotency.begin("scope", "key", b"other"), Claim)


async def test_who_was_given_up_does_not_answer_for_another_body(people):
    given_up = await people.idempotency.begin("scope", "key", b"hash")
    people.clock.advance(121)
    await people.idempotency.begin("scope", "key", b"other")
    await people.idempotency.finish(given_up, ANSWER)
    await refused_as_another(people, b"hash")
    await refused_as_under_way(people, b"other")


async def test_who_was_given_up_does_not_free_the_key_of_who_took_it_over(people):
    given_up = await people.idempotency.begin("scope", "key", b"hash")
    people.clock.advance(121)
    taken_over = await people.idempotency.begin("scope", "key", b"hash")
    await people.idempotency.abandon(given_up)
    await refused_as_under_way(people, b"hash")
    await people.idempotency.abandon(taken_over)
    assert isinstance(await people.idempotency.begin("scope", "key", b"hash"), Claim)


async def refused_as_under_way(people, body_hash):
    with pytest.raises(Rejected, match="still being answered") as refused:
        await people.idempotency.begin("scope", "key", body_hash)
    assert refused.value.code == "conflict"


async def refused_as_another(people, body_hash):
    with pytest.raises(Rejected, match="another body") as refused:
        await people.idempotency.begin("scope", "key", body_hash)
    assert refused.value.code == "conflict"
