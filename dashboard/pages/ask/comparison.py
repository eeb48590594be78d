"""Vote against verdict as HTML: the sentence, the probabilities, who wrote what, and why the judge thought so."""

from html import escape
from typing import TYPE_CHECKING

from dashboard.texts import Texts
from pipelines.terminal.unseen_signs import plain

if TYPE_CHECKING:
    from dashboard.sessions.answering import Answer
    from dashboard.sessions.round import Round
    from stacker.judge.explain.explanation import Explanation
    from stacker.judge.verdict import Verdict

CALLED = {"A": "a", "B": "b", "tie": "tie"}
SMALLEST = 0.005
"""Log-odds below which a bar is left out: it would be written 0.00."""


def comparison(one: "Round", say: Texts) -> str:
    """Return the card for a round that has a vote.

    Parameters
    ----------
    one : Round
        Its `vote` holds.
    say : Texts
        The person's language.
    """
    if one.vote is None:
        return ""
    kind, sentence = _sentence(one, say)
    mark = {"agrees": "✓", "differs": "≠", "unjudged": "–"}[kind]
    counted = f" <small>{escape(say('ask.as_tie'))}</small>" if one.vote.choice == "both_bad" else ""
    rows = [(say("ask.your_vote"), escape(say(f"choice.{one.vote.choice}")) + counted)]
    for answer in one.answers:
        style, model = written_by(answer, say)
        rows.append((say(f"ask.answer_{answer.side}"), f"{plain(style, 60)} <small>{plain(model, 80)}</small>"))
    facts = "".join(f"<dt>{escape(name)}</dt><dd>{value}</dd>" for name, value in rows)
    chances = "" if one.verdict is None else _chances(one.verdict, say)
    return (
        f'<section class="comparison {kind}" aria-label="{escape(say("ask.comparison"))}">'
        f'<h2><i aria-hidden="true">{mark}</i>{escape(sentence)}</h2>'
        f'<div class="said">{chances}<dl>{facts}</dl></div>{_why(one, say)}</section>'
    )


def written_by(answer: "Answer", say: Texts) -> tuple[str, str]:
    """Return the style and the model of an answer in the person's language."""
    recorded = answer.style.generator == "recorded"
    return say.style_name(answer.style.name), say("ask.source_recorded") if recorded else answer.record().model


def _sentence(one: "Round", say: Texts) -> tuple[str, str]:
    if one.verdict is None or one.vote is None:
        return "unjudged", say("ask.judge_failed", reason=one.judge_fault) if one.judge_fault else say("ask.unjudged")
    voted = "tie" if one.vote.choice == "both_bad" else one.vote.choice
    agrees = CALLED[one.verdict.preferred] == voted
    return ("agrees", say("ask.agrees")) if agrees else ("differs", say("ask.differs"))


def _chances(verdict: "Verdict", say: Texts) -> str:
    rows = []
    for name, value in (("a", verdict.a), ("b", verdict.b), ("tie", verdict.tie)):
        called = " called" if CALLED[verdict.preferred] == name else ""
        rows.append(
            f'<div class="{name}{called}"><b>{escape(say(f"choice.{name}"))}</b>'
            f'<span><i style="width:{100 * value:.1f}%"></i></span><em>{100 * value:.0f} %</em></div>'
        )
    return f'<div class="chances" role="group" aria-label="{escape(say("ask.verdict"))}">{"".join(rows)}</div>'


def _why(one: "Round", say: Texts) -> str:
    if one.verdict is None:
        return ""
    if one.explanation is None:
        return f'<p class="pending">{escape(say("ask.no_reasons" if one.explained else "ask.reasons_come"))}</p>'
    found: Explanation = one.explanation
    parts = sorted((part for part in found.groups if abs(part.margin) >= SMALLEST), key=lambda part: -abs(part.margin))
    largest = max((abs(part.margin) for part in parts), default=1.0)
    rows = []
    for part in parts:
        side = "a" if part.margin > 0 else "b"
        width = 40 * abs(part.margin) / largest
        place = f"right:{50 + width:.2f}%" if side == "a" else f"left:{50 + width:.2f}%"
        name = say.group_name(part.group)
        told = found.reason(part.group, say.language)
        told = told[:1].upper() + told[1:]
        rows.append(
            f'<div role="listitem"><p>{plain(told or name, 400)}<small>{escape(name) if told else ""}</small></p>'
            f'<span class="track"><i class="{side}" style="width:{width:.2f}%"></i>'
            f'<em style="{place}">{_signed(abs(part.margin))}</em></span></div>'
        )
    left_out = len(found.groups) - len(parts)
    covers = say("ask.covers", total=_signed(found.verdict.margin), tie=_signed(found.verdict.tie_log_odds))
    if left_out:
        covers += " " + say("ask.left_out_groups", count=left_out)
    heads = f"<span></span><span><b>← {escape(say('ask.for_a'))}</b><b>{escape(say('ask.for_b'))} →</b></span>"
    return (
        f"<h3>{escape(say('ask.why'))}</h3><p class='covers'>{escape(covers)}</p>"
        f'<div class="why" role="list" aria-label="{escape(say("ask.why"))}">'
        f'<div class="heads" aria-hidden="true">{heads}</div>{"".join(rows)}</div>'
    )


def _signed(value: float) -> str:
    return f"{value:+.2f}".replace("-", "\u2212")
