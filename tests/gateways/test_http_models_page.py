"""The operators' page of models in a browser: all of it is there, and nothing of it runs."""

import re
import shlex
from base64 import b64encode
from hashlib import sha256
from html.parser import HTMLParser

import pytest
from http_fakes import Answer, World
from test_http_models import a_world

from core.identity import Role
from core.ports.models import TAKEN_BACK, Model

PAGE = "/admin/models"
HOSTILE = """</td></table><script>alert(1)</script><img src=x onerror='a'>"&amp;{{7*7}}"""
STATISTICS = {
    "wording": {"generated": 7, "template": 2, "chat_model_breaker": 2, "card_breaker": 0},
    "chat_model": {"served": 7, "tokens_per_second": 61.25},
}


class Seen(HTMLParser):
    """What a browser makes of it."""

    def __init__(self, raw: bytes) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.cells: list[str] = []
        self.codes: list[str] = []
        self._open: list[str] = []
        self.feed(raw.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}
        self._open.append(tag)
        if tag == "td":
            self.cells.append("")
        elif tag == "code":
            self.codes.append("")

    def handle_endtag(self, tag: str) -> None:
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if self._open[-1:] == ["td"]:
            self.cells[-1] += data
        elif self._open[-1:] == ["code"]:
            self.codes[-1] += data


async def shown(world: World) -> Answer:
    answer: Answer = await world.call("GET", PAGE, client="127.0.0.1")
    assert answer.status == 200
    return answer


async def test_it_shows_each_kind_its_runs_and_counters_and_what_to_type() -> None:
    world = await a_world("1", "2 x", "3")
    await world.model_rows.roll_back(1, "prior", at=9)
    world.model_troubles["tower"] = "it cannot be used here"
    made = Model(kind="tower", version="t9", digest="e" * 64, why="made by hand")
    await world.model_rows.add(1, made)
    run = await world.model_rows.begin(1, "daily", node="n", due_at=5, at=6)
    assert run is not None
    await world.model_rows.end(1, run, at=7_006, outcome="skipped", why="3 people", figures={})
    world.statistics = STATISTICS
    seen = Seen((await shown(world)).raw)
    rows = seen.cells
    for cell in ("ngrams", "it cannot be used here", "2 x", "active", "previous", "shadow"):
        assert cell in rows
    for cell in (
        "made by hand",
        TAKEN_BACK,
        "3 people",
        "7.0 s",
        "loss 0.61, in_use 0.66",
        "daily 1",
        "61.25",
    ):
        assert cell in rows
    assert rows[rows.index("chat_model_breaker") + 1] == "open: not asked at present"
    assert rows[rows.index("card_breaker") + 1] == "closed"
    typed = [shlex.split(code)[2:] for code in seen.codes if "main.py" in code]
    assert typed == [
        ["models", "promote", "prior", "3"],
        ["models", "promote", "prior", "1"],
        ["models", "rollback", "prior"],
        ["models", "promote", "tower", "t9"],
    ]


async def test_whatever_stands_in_a_row_is_text() -> None:
    world = World()
    for number in range(2):
        model = Model(
            kind="chat",
            version=f"{HOSTILE}{number}",
            digest=HOSTILE,
            why=HOSTILE,
            figures={HOSTILE: 1.0},
        )
        await world.model_rows.add(1, model)
    await world.model_rows.promote(1, "chat", f"{HOSTILE}1", at=2, by="operator")
    world.model_troubles[HOSTILE] = HOSTILE
    world.statistics = {"wording": {HOSTILE: 1}}
    seen = Seen((await shown(world)).raw)
    plain = Seen((await shown(await a_world("1", "2"))).raw)
    assert seen.tags == plain.tags
    assert (
        seen.attributes
        == plain.attributes
        == {"lang", "charset", "name", "content", "scope"} | {"class"}
    )
    assert seen.cells.count(HOSTILE) >= 4
    assert not plain.tags & {"script", "form", "a", "img", "link", "iframe", "input", "button"}


async def test_nothing_may_run_or_be_fetched_but_the_page_s_own_style() -> None:
    answer = await shown(World())
    assert answer.headers["Content-Type"] == "text/html; charset=utf-8"
    policy = answer.headers["Content-Security-Policy"].split("; ")
    style = re.search(rb"<style>(.*?)</style>", answer.raw)
    assert style is not None
    own = b64encode(sha256(style[1]).digest()).decode()
    assert policy == [
        "default-src 'none'",
        f"style-src 'sha256-{own}'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"


@pytest.mark.parametrize(("role", "status"), [(None, 401), (Role.USER, 403), (Role.ADMIN, 200)])
async def test_it_is_for_whom_the_json_is(role: Role | None, status: int) -> None:
    world = World()
    token = None if role is None else world.token(role)
    for path in (PAGE, "/api/v1/admin/models"):
        assert (await world.call("GET", path, token=token)).status == status
    for method in ("POST", "PATCH", "DELETE"):
        assert (await world.call(method, PAGE, client="127.0.0.1")).status == 404
