"""The model page without a browser, and the guard of the loop on which these pages are walked."""

from dataclasses import replace
from pathlib import Path

import pytest
from loop_guard import WatchedStore
from page_contexts import Judges, context, on_a_loop, opened, settled

from dashboard.judges.learning_service import LearningService
from dashboard.judges.votes_to_learn import LEAST
from dashboard.pages.model.model import ModelPage
from dashboard.pages.model.model_cards import facts, unwrapped
from dashboard.texts import LANGUAGES, Texts
from stacker.training.params import Params


@pytest.mark.parametrize("language", list(LANGUAGES))
def test_the_model_page_shows_the_run(store: WatchedStore, service: Judges, language: str, tmp_path: Path) -> None:
    async def walk() -> None:
        learning = LearningService(Params(), store, service)
        page = ModelPage(replace(context(store, service, language), learning=learning))
        page.panel()
        assert not any(part.visible for part in (page.empty, page.head, page.body, page.learn.view))
        page.opened()
        await settled(page)
        assert page.choice.value.name == "first" and page.switch.disabled
        assert all(page.panes[name].object for name in ("facts", "results", "calibration", "importances", "length"))
        assert page.say("language.zh") in page.panes["language"].object
        assert page.say("group.length") in page.panes["importances"].object
        assert "0.8900" in page.panes["results"].object
        assert not page.card.visible and page.learn.view.visible
        assert page.say("model.learn.too_few", count=0, least=LEAST, missing=LEAST) in page.learn.votes.object

    on_a_loop(walk(), tmp_path, service.folder)


def test_no_judges_are_said_to_be_none(store: WatchedStore, tmp_path: Path) -> None:
    async def walk() -> None:
        page = ModelPage(context(store, Judges(tmp_path, judge=False)))
        await opened(page)
        assert page.empty.visible and not page.body.visible

    on_a_loop(walk(), tmp_path)


def test_the_guard_sees_a_file_that_is_read_on_the_loop(tmp_path: Path) -> None:
    (tmp_path / "here").write_text("")

    async def careless() -> None:
        (tmp_path / "here").read_text()

    with pytest.raises(AssertionError):
        on_a_loop(careless(), tmp_path)


def test_lists_are_joined_as_each_language_does() -> None:
    about = {
        "learners": [{"name": "one"}, {"name": "two"}],
        "pool": {"margin_weights": [0.5, 0.5], "tie_weights": [0.4, 0.6]},
        "features": {"surface": True, "style": True, "overlap": False},
        "about": {"sources": {"mine": 1200, "yours": 3}, "versions": {"python": "3.11", "numpy": "2"}},
    }
    english, chinese = (facts(about, "", "", Texts(code)) for code in ("en", "zh-Hant"))
    assert "one (0.50 / 0.40), two (0.50 / 0.60)" in english and "mine (1,200), yours (3)" in english
    assert "one（0.50 / 0.40）、two（0.50 / 0.60）" in chinese and "mine（1,200）、yours（3）" in chinese
    assert "符號與用字、排版與用語" in chinese and "python 3.11、numpy 2" in chinese
    assert ", " not in chinese


def test_a_card_keeps_its_lists_and_tables_where_its_lines_are_joined() -> None:
    """Drawn as a chat is, a paragraph would break where its source does."""
    card = "# A\n\nfirst\nsecond 2.5\n\n- one\n  more\n- two\n1. three\n\n| a |\n| --- |\n| b |\n\nend"
    assert unwrapped(card) == "# A\n\nfirst second 2.5\n\n- one more\n- two\n1. three\n\n| a |\n| --- |\n| b |\n\nend"
    assert unwrapped("```\na\nb\n```") == "```\na\nb\n```"
