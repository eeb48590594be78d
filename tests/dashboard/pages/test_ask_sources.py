"""Who answers on the ask page, without a browser."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

from page_contexts import Judges, context

from dashboard.generators.generator import Source
from dashboard.pages.ask.ask import AskPage
from dashboard.votes.store import VoteStore


def test_what_is_offered_before_the_small_model_is_known_is_no_choice(store: VoteStore, tmp_path: Path) -> None:
    """A page that was opened in the first second after the start would give recorded answers for good."""
    sources = SimpleNamespace(current=None, fetch=SimpleNamespace(model=SimpleNamespace(wheel_bytes=1, name="smollm2")))
    given = context(store, Judges(tmp_path, judge=False))
    page = AskPage(SimpleNamespace(**{**vars(given), "sources": sources}))  # type: ignore[arg-type]
    page.panel()
    small = Source("smollm2", "SmolLM2", lambda style: style.model_copy(update={"model": "small"}))
    page._sources = [small]
    page._offer_sources()
    assert page.composer.source == "recorded"
    assert page._styles("Why?").a.model == ""
    sources.current = small
    assert page._styles("Why?").a.model == "small"
    page.composer.source = "smollm2"
    page.composer.source = "recorded"  # as a person does
    assert page._styles("Why?").a.model == ""


def test_a_prompt_of_ones_own_is_kept_by_person_and_cut(store: VoteStore, tmp_path: Path) -> None:
    given: Any = context(store, Judges(tmp_path, judge=False), session="s")
    page = AskPage(given)
    page.panel()
    page._keep_own("  Be kind.  ")
    assert (given.own_prompts.of("s"), given.own_prompts.of("t")) == ("Be kind.", "")
    assert AskPage(given).context.own_prompts.of("s") == "Be kind."
    page._keep_own({"not": "a text"})
    page._keep_own("x" * 9_000)
    assert len(given.own_prompts.of("s")) == 2_000
    page._keep_own("   ")
    assert given.own_prompts.of("s") == ""
