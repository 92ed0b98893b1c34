"""The page of examples is what the templates say today."""

import write_voices


def test_the_page_of_voices_is_made_of_the_templates() -> None:
    assert write_voices.PAGE.read_text("utf-8") == write_voices.page()
