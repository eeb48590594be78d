"""Texts on a page: what takes long is shown as it was written at once, and drawn when it can be."""

import asyncio
import html
from collections.abc import Callable

import pytest

from dashboard.components import drawn_texts as showing
from dashboard.components.drawn_texts import draw, not_shown, noted
from dashboard.components.look import card_pane, note
from dashboard.pages.ask.answer_columns import AnswerColumns
from dashboard.params import StyleParams
from dashboard.rendering.drawings import drawings
from dashboard.rendering.rendered import Rendered
from dashboard.sessions.answering import Answer
from dashboard.texts import Texts

FENCE = "`" * 3
ENDLESS = f"\n\n{FENCE}tnt\n(("
SAY = Texts("en")


class FakeRound:
    stage = "answering"
    vote = None

    def __init__(self, answers: list[Answer]) -> None:
        self.answers = answers
        self.on_answer: Callable[[Answer], None] = lambda answer: None


def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, bool]]:
    """Return the list that every text asked for is added to, and whether with marks."""
    found: list[tuple[str, bool]] = []
    shared = drawings()

    class Spy:
        def submit(self, turns: list[str], person: str, marks: bool) -> object:
            found.append((turns[0], marks))
            return shared.submit(turns, person, marks)

    monkeypatch.setattr(showing, "drawings", Spy)
    return found


def test_what_takes_long_is_shown_as_it_was_written_until_it_is_drawn() -> None:
    puts: list[list[Rendered]] = []

    async def steps() -> None:
        await draw([["**quick**"], [f"**slow**{ENDLESS}"]], "somebody", puts.append)

    drawings().submit(["**quick**"], "somebody").result(60)
    asyncio.run(asyncio.wait_for(steps(), 60))
    (quick, meanwhile), (_, drawn) = puts
    assert "<strong>quick</strong>" in quick.html
    assert meanwhile.html.startswith("<pre") and "**slow**" in meanwhile.html
    assert not_shown(meanwhile, SAY) == ""
    assert "<strong>slow</strong>" in drawn.html


@pytest.mark.parametrize("language", ["en", "zh-Hant"])
def test_what_is_not_drawn_or_not_shown_is_said_above_the_text(language: str) -> None:
    say = Texts(language)
    assert noted(Rendered("<p>x</p>"), say) == "<p>x</p>"
    notes = [not_shown(Rendered("", left_out, kind), say) for kind in ("", "parts", "all") for left_out in (0, 1_234)]
    assert notes[0] == "" and len(set(notes)) == 6
    assert all("1,234" in note for note in notes[1::2])
    assert notes[5] in noted(Rendered("<p>x</p>", 1_234, "all"), say)


def test_an_answer_is_drawn_as_it_comes_and_whole_at_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    drawings().submit(["the processes have started"]).result(60)
    texts = asked(monkeypatch)
    columns, answer = AnswerColumns(SAY, "somebody", lambda side: None), written()

    async def steps() -> None:
        columns.follow(FakeRound([answer]))
        for _ in range(20):
            write(columns, answer, "**more** ")
            await asyncio.sleep(0.02)
        write(columns, answer, "end", "done")
        while "end</p>" not in columns.views["a"].html:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(steps(), 60))
    assert columns.views["a"].html.count("<strong>") == 20
    assert columns.views["a"].state == "done"
    assert 2 < len(texts) < 20  # not at every word


def test_an_answer_that_cannot_be_drawn_in_time_is_tried_once_while_it_comes_and_once_when_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    texts = asked(monkeypatch)
    columns, answer = AnswerColumns(SAY, "somebody", lambda side: None), written()
    endless = f"*begin*{ENDLESS}"

    async def steps() -> None:
        columns.follow(FakeRound([answer]))
        write(columns, answer, endless)
        while not texts or not columns.views["a"].html.startswith("<pre"):
            await asyncio.sleep(0.01)
        for _ in range(40):  # its words go on to be seen
            write(columns, answer, "(")
            await asyncio.sleep(0.05)
        write(columns, answer, "(", "done")
        while "(" * 43 not in columns.views["a"].html or "<em>" not in columns.views["a"].html:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(steps(), 60))
    assert [text for text, marks in texts if marks] == [endless, endless + "(" * 41]


def written() -> Answer:
    return Answer("a", "a", StyleParams(name="one"), lambda answer: None)


def write(columns: AnswerColumns, answer: Answer, more: str, state: str = "writing") -> None:
    answer.text += more
    answer.state = state  # type: ignore[assignment]
    columns._round.on_answer(answer)  # type: ignore[union-attr]


def test_a_card_escapes_what_it_is_told_once() -> None:
    pane = card_pane(note("<b> & more", "hint"))
    assert html.unescape(pane.get_root().text) == '<p class="hint">&lt;b&gt; &amp; more</p>'
