"""What is asked, and how frames become answers: without a server."""

import random

import pytest

from loadtest.client import Refused
from loadtest.measured import Measured
from loadtest.persona_answers import CARDS, FIRST_TOKEN, GENERATED_FIRST, Answers
from loadtest.persona_prompts import CITIES, FILE, Prompt, Prompts, read_prompts
from loadtest.virtual_users import WorldFailedError


def test_only_the_development_half_is_read_and_only_what_is_meant_for_a_persona():
    assert FILE.parent.name == "development"
    prompts = read_prompts()
    assert len(prompts) > 90
    texts = {one.text for one in prompts}
    assert "thx" in texts
    assert "gaz youre on flights yeah? ive no signal til 6" not in texts  # chatter between people


def test_what_says_too_little_for_a_search_needs_none():
    by_text = {one.text: one.needs_search for one in read_prompts()}
    assert by_text["dub to faro 12 feb back the 16th 2 adults"]
    assert by_text["me n hubby are sooo done with snow, get us somewhere hot"]
    assert not by_text["nice b&b in dingle that wont be over 120€ a night"]  # when?
    assert not by_text["yep do it"]


def test_places_become_others_as_they_are_written():
    prompt = Prompt("owt direct from leeds to KRAKOW in march?", True, ("Krakow", "Leeds"))
    varied = [prompt.varied(number) for number in range(len(CITIES))]
    assert len(set(varied)) == len(varied)
    for text in varied:
        words = text.split()
        assert words[3].islower()
        assert words[5].isupper()
        assert words[3] != words[5].lower()


def test_three_places_become_three_and_a_city_that_was_written_is_not_changed_twice():
    prompt = Prompt("he from paris, i from rome, both to london", True, ("London", "Paris", "Rome"))
    for number in range(len(CITIES)):
        words = prompt.varied(number).replace(",", "").split()
        cities = {words[2], words[5], words[8]}
        assert len(cities) == 3
        assert cities <= {city.lower() for city in CITIES}


def test_most_of_what_needs_a_search_is_searched_for_elsewhere_each_time():
    varied = [one for one in read_prompts() if one.needs_search and one.varied(1) != one.varied(2)]
    assert len(varied) > 20


def test_a_prompt_comes_back_to_a_persona_after_half_a_minute():
    prompts = Prompts([Prompt("hi", False), Prompt("thx", False)], random.Random(1))
    said = {prompts.draw("Nova", at, needs_search=False) for at in (0.0, 1.0)}
    assert said == {"@Nova hi", "@Nova thx"}
    with pytest.raises(WorldFailedError, match="none twice in 30 s"):
        prompts.draw("Nova", 29.9, needs_search=False)
    assert prompts.draw("Luxa", 29.9, needs_search=False).startswith("@Luxa")
    assert prompts.draw("Nova", 30.0, needs_search=False) in said


def test_a_file_that_is_none_is_one_sentence(tmp_path):
    with pytest.raises(WorldFailedError, match="cannot be read: No such file"):
        read_prompts(tmp_path / "none")
    (tmp_path / "other").write_text('{"text": 1}\n')
    with pytest.raises(WorldFailedError, match="is no file of messages"):
        read_prompts(tmp_path / "other")


def a_run(
    run: str = "r", prompt: str = "p", *, tier: str = "template", reason: str = "done"
) -> list:
    """(frame, time after the prompt)"""
    message = {"type": "chat.message", "messageId": f"m-{run}", "cards": [{}], "ai": {"tier": tier}}
    return [
        ({"type": "run.started", "runId": run, "messageId": f"m-{run}", "replyTo": prompt}, 0.1),
        ({"type": "chat.delta", "runId": run, "text": "Let "}, 0.2),
        ({"type": "chat.delta", "runId": run, "text": "me see."}, 0.5),
        (message, 2.0),
        ({"type": "run.ended", "runId": run, "reason": reason}, 2.1),
    ]


def settled(
    frames: list, *, now: float = 20.0, ok_first: bool = True, needs: bool = True
) -> Measured:
    answers, measured = Answers(), Measured()
    asked = answers.ask(1.0, needs_search=needs)
    if ok_first:
        answers.told(asked, {"messageId": "p"})
    for frame, after in frames:
        answers.hear(frame, 1.0 + after)
    if not ok_first:
        answers.told(asked, {"messageId": "p"})
    answers.settle(measured, now)
    return measured


@pytest.mark.parametrize("ok_first", [True, False])
def test_a_run_is_found_by_the_message_that_it_answers(ok_first: bool):
    measured = settled(a_run(), ok_first=ok_first)
    assert (measured.counts["replies"], measured.counts["template"]) == (1, 1)
    assert measured.counts.get("unanswered", 0) == 0
    assert measured.apart[FIRST_TOKEN].percentile_ms(100) == pytest.approx(200, abs=1)
    assert measured.apart[CARDS].percentile_ms(100) == pytest.approx(2_000, abs=2)
    assert GENERATED_FIRST not in measured.apart


def test_a_run_that_answers_somebody_else_is_no_answer():
    measured = settled(a_run(prompt="another"))
    assert (measured.counts["unanswered"], measured.counts.get("replies", 0)) == (1, 0)


def test_cards_of_what_needs_no_search_are_not_timed():
    assert CARDS not in settled(a_run(), needs=False).apart


def test_where_no_delta_came_the_message_is_the_first_text():
    frames = [row for row in a_run() if row[0]["type"] != "chat.delta"]
    assert settled(frames).apart[FIRST_TOKEN].percentile_ms(100) == pytest.approx(2_000, abs=2)


def test_done_without_its_message_is_no_answer():
    measured = settled([row for row in a_run() if row[0]["type"] != "chat.message"])
    assert (measured.counts["unanswered"], measured.counts["run_without_message"]) == (1, 1)


def test_the_first_telling_counts_when_all_is_told_again():
    late = [(frame, after + 5) for frame, after in a_run()]
    measured = settled([*a_run(), *late])
    assert measured.counts["replies"] == 1
    assert measured.counts["answered_twice"] == 0
    assert measured.apart[FIRST_TOKEN].percentile_ms(100) == pytest.approx(200, abs=1)


def test_two_runs_for_one_prompt_are_counted():
    assert settled([*a_run("r"), *a_run("s")]).counts["answered_twice"] == 1


def test_who_was_asked_a_moment_ago_is_pending_and_a_refusal_is_not():
    measured = settled(a_run()[:2], now=5.0)
    assert (measured.counts["prompts_pending"], measured.counts.get("unanswered", 0)) == (1, 0)
    answers, refused = Answers(), Measured()
    answers.told(answers.ask(1.0, needs_search=False), Refused({"code": "overloaded"}))
    assert answers.are_over(1.5)
    answers.settle(refused, 1.5)
    assert (refused.counts["unanswered"], refused.counts["prompts_refused"]) == (1, 1)


def test_it_is_over_when_each_has_ended_or_is_too_old():
    answers = Answers()
    asked = answers.ask(0.0, needs_search=False)
    assert not answers.are_over(9.0)
    assert answers.are_over(10.1)
    answers.told(asked, {"messageId": "p"})
    for frame, after in a_run(reason="failed"):
        assert not answers.are_over(after)
        answers.hear(frame, after)
    assert answers.are_over(2.2)
