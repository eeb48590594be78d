"""`audit(judge, battles, seed)`: what moves a judge that should not, each with its interval and a control."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pandas as pd

from pipelines.battles.arrays import Floats
from pipelines.errors import UserError, shown
from pipelines.terminal.command_line import Progress, silent
from stacker.audit.asking import Answers, ask_all, asker
from stacker.audit.effects import ALPHA, DRAWS, false_alarms, holm, p_value
from stacker.audit.found_effects import (
    BLIND,
    FEW,
    JUDGES,
    LEAST,
    LENGTH,
    MOVED,
    NONE,
    UNSEEN,
    Effect,
    mean_over,
    preference_effect,
    probe_effects,
    score,
    swap_effects,
)
from stacker.audit.probe_interface import Probe
from stacker.audit.probes import CONTROLS, PROBES
from stacker.audit.questions import DUEL, IN_PLACE, MATCHED, ORIGINAL, Chosen
from stacker.audit.traits import FIRST, TRAITS, own_family

ROWS = 1000
"""Battles that a command audits where it is not told."""


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes
    ----------
    judge : str
        The judge's name.
    battles, prompts : int
        How many were audited.
    questions, missing : int
        How many were put to the judge, and how many of these have no verdict.
    both_orders : bool
        Whether every question was asked with either answer first; otherwise the battles and the controls alone, whose
        verdicts swapped exactly.
    seed : int
        Of every draw.
    effects : tuple of Effect
        Every measure of every probe, controls first.
    alarms : dict
        What the same tests flag where nothing is to be found: `draws`, `one`, `any` of `effects.false_alarms`.
    asked : dict
        For verdicts of a file: what it holds besides (failures, flips, unsteady verdicts), each with its interval.
    """

    judge: str
    battles: int
    prompts: int
    questions: int
    missing: int
    both_orders: bool
    seed: int
    effects: tuple[Effect, ...]
    alarms: Mapping[str, Any]
    asked: Mapping[str, Any] = field(default_factory=dict)

    @property
    def findings(self) -> tuple[Effect, ...]:
        """What moves the judge, and should not."""
        return tuple(effect for effect in self.effects if effect.state == MOVED and not effect.control_probe)

    def effect(self, name: str, way: str = "duel") -> Effect:
        """Return one measure of one probe.

        Raises
        ------
        KeyError
            When there is none.
        """
        found = next((effect for effect in self.effects if (effect.name, effect.way) == (name, way)), None)
        if found is None:
            raise KeyError(f"{name}, {way}: is not among {[(effect.name, effect.way) for effect in self.effects]}")
        return found

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        plain = {
            name: getattr(self, name)
            for name in ("judge", "battles", "prompts", "questions", "missing", "both_orders", "seed")
        }
        return {
            **plain,
            "alpha": ALPHA,
            "least_change": LEAST,
            "moved_by": list(dict.fromkeys(effect.name for effect in self.findings)),
            "findings": [effect.sentence for effect in self.findings],
            "effects": [effect.to_dict() for effect in self.effects],
            "false_alarms": dict(self.alarms),
            "asked": dict(self.asked),
        }


def chosen_probes(names: Sequence[str] | None) -> tuple[Probe, ...]:
    """Return the controls and the probes of these names; every probe for None.

    Raises
    ------
    UserError
        When there is no probe of a name.
    """
    for name in names or ():
        if name not in PROBES:
            raise UserError(f"--probes: there is no probe {shown(name)}; the probes are {', '.join(PROBES)}.")
    return (*CONTROLS, *(probe for name, probe in PROBES.items() if names is None or name in names))


def audit(
    judge: Any,
    battles: pd.DataFrame,
    seed: int = 0,
    *,
    rows: int | None = None,
    probes: Sequence[str] | None = None,
    judge_model: str = "",
    both_orders: bool = False,
    draws: int = DRAWS,
    progress: Progress = silent,
) -> Audit:
    """Find out what moves a judge that should not.

    Parameters
    ----------
    judge : Judge, AnyJudge or callable
        As in `stacker.audit.asking.asker`: anything that gives (n, 3) probabilities for n battles.
    battles : DataFrame
        A battles table; its votes, where it has any, are what preferences for length, format and an own family are
        compared with.
    seed : int
        Of every draw: the same seed and content give the same numbers, whatever the order of the rows.
    rows : int or None
        Battles to audit, drawn by content; None for all.
    probes : sequence of str or None
        Names of `stacker.audit.probes.PROBES`; None for all.
    judge_model : str
        The model that the judge is, as the battles name models, for its preference for its own family.
    both_orders : bool
        Whether to ask everything in both orders, even where verdicts swap exactly.
    draws : int
        Of the false-alarm rate.
    progress : Progress
        Told how many battles are done.

    Raises
    ------
    UserError
        When there is no battle, no such probe, or the judge gives something else.
    """
    chosen = Chosen.of(battles, rows, seed)
    if len(chosen.rows) == 0:
        raise UserError("audit: there is no battle to ask about; give a table of battles.")
    picked = chosen_probes(probes)
    answers = ask_all(asker(judge), chosen, picked, both_orders=both_orders, progress=progress)
    name = str(getattr(judge, "name", "") or type(judge).__name__)
    return audit_of(name, chosen, answers, picked, judge_model=judge_model, draws=draws)


def audit_of(
    name: str,
    chosen: Chosen,
    answers: Answers,
    probes: Sequence[Probe],
    *,
    judge_model: str = "",
    draws: int = DRAWS,
    asked: Mapping[str, Any] | None = None,
    one_order: np.ndarray | None = None,
    rivals: Sequence[Floats] = (),
) -> Audit:
    """Return what a judge's answers say.

    Parameters
    ----------
    name, judge_model, draws
        As `Audit` and `audit` have them.
    chosen, answers, probes
        What was asked of which battles, and what `ask_all` gave.
    asked : mapping or None
        What is known of how the verdicts came about.
    one_order : (m,) bool or None
        Battles that were judged as they stand alone, so that A was shown first; None for none.
    rivals : sequence of (m, 2, 3) float
        What other judges said of the same battles.
    """
    group = chosen.group[chosen.rows]
    effects = [*probe_effects(answers, probes, group)]
    if (ORIGINAL, "") in answers.said:
        effects += swap_effects(answers, group)
        effects += _preferences(chosen, answers.said[ORIGINAL, ""], judge_model, one_order, rivals)
    p = [p_value(effect.sample) for effect in effects]
    probed = [place for place, effect in enumerate(effects) if not effect.control_probe]
    adjusted = dict(zip(probed, holm([p[place] for place in probed]), strict=True))
    # A control stands for itself: it is to be flagged as often as the level of one test says.
    found = [_decided(effect, p[place], adjusted.get(place, p[place])) for place, effect in enumerate(effects)]
    beyond = {effect.name: _gains(effect) for effect in found if effect.way == MATCHED}
    found = [_attributed(effect, beyond.get(effect.name, True)) for effect in found]
    return Audit(
        judge=name,
        battles=len(chosen.rows),
        prompts=len(np.unique(group)),
        questions=answers.questions,
        missing=answers.missing,
        both_orders=answers.both_orders,
        seed=chosen.seed,
        effects=tuple(found),
        alarms=false_alarms([effects[place].sample for place in probed], chosen.seed, draws),
        asked=dict(asked or {}),
    )


def _decided(effect: Effect, p: float | None, adjusted: float | None) -> Effect:
    """Return an effect with its p-values and what they say of it."""
    change, state = effect.change, NONE
    if adjusted is None:
        state = FEW
    elif adjusted < ALPHA and (effect.tolerates or abs(change["mean"] or 0.0) >= LEAST):
        state = MOVED
    elif effect.damages and change["low"] is not None and change["high"] is not None:
        state = UNSEEN if change["low"] > -BLIND else NONE
    return replace(effect, p=p, adjusted=adjusted, state=state)


def _attributed(effect: Effect, beyond: bool) -> Effect:
    """Return an effect as one of length where nothing was found beyond that of padding of the same length."""
    return replace(effect, state=LENGTH) if _gains(effect) and not beyond and effect.way in (DUEL, IN_PLACE) else effect


def _gains(effect: Effect) -> bool:
    return effect.state == MOVED and (effect.change["mean"] or 0.0) > 0


def _preferences(
    chosen: Chosen, said: Floats, judge_model: str, one_order: np.ndarray | None, rivals: Sequence[Floats]
) -> list[Effect]:
    """Return what the judge prefers oftener than people do, where there are votes, and than other judges do."""
    battles, group = chosen.battles.iloc[chosen.rows], chosen.group[chosen.rows]
    flip = np.where(chosen.focus_is_b[chosen.rows], -1, 1)
    own = own_family(judge_model) if judge_model else None
    found = []
    if "outcome" in battles.columns and (battles["outcome"] >= 0).any():
        outcome = battles["outcome"].to_numpy()
        people = np.where(outcome < 0, np.nan, np.choose(np.maximum(outcome, 0), [1.0, 0.0, 0.5]))
        people = np.where(flip < 0, 1 - people, people)
        for trait in (*TRAITS, *([own] if own else [])):
            found.append(preference_effect(trait, trait.more(battles) * flip, said, people, group))
        if one_order is not None and one_order.any():
            found.append(preference_effect(FIRST, np.where(one_order, flip, 0), said, people, group))
    if own and rivals:
        others = mean_over(np.stack([mean_over(score(each)) for each in rivals], axis=1))
        found.append(preference_effect(own, own.more(battles) * flip, said, others, group, JUDGES))
    return found
