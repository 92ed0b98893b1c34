import re
from pathlib import Path

from commands.unknown_settings import settings, unknown_settings

ROOT = Path(__file__).parents[2]


def test_a_misspelt_setting_is_noticed_and_the_right_one_named() -> None:
    environ = {
        "CARAVAN_STRIPE_MODE": "live",
        "CARAVAN_ZZZ": "1",
        "CARAVAN_HTTP_PORT": "0",
        "CARAVAN_PASSWORD": "x",
        "DATABASE_URL": "",
        "PATH": "/bin",
    }
    unknown = unknown_settings(environ)
    assert list(unknown) == ["CARAVAN_STRIPE_MODE", "CARAVAN_ZZZ"]
    assert "CARAVAN_STRIPE" in unknown["CARAVAN_STRIPE_MODE"]


def test_every_setting_is_documented_and_nothing_else() -> None:
    pages = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]
    told = {
        name
        for page in pages
        for name in re.findall(r"\b(?:CARAVAN_[A-Z_]+[A-Z]|[A-Z]+_URL)\b", page.read_text("utf-8"))
    }
    assert settings() - told == set()
    assert {name for name in told - settings() if not name.startswith("CARAVAN_TEST_")} == set()
