"""Why a judge says what it says of one battle: what is asked of its parts, for either of its verdicts."""

from typing import TYPE_CHECKING

import numpy as np

from features.pairs import PairMatrix
from pipelines.battles.arrays import Floats
from pipelines.errors import UserError
from stacker.judge.explain.explanation import Explanation, explanation
from stacker.judge.explain.explanation_parts import QuestionPart
from stacker.judge.explain.group_effects import CAUTION, CHECKS, GroupEffects, group_effects
from stacker.judge.explain.learner_contributions import TreeEffects, token_contributions, tree_contributions
from stacker.judge.verdict import Verdict
from stacker.learners.checks.answer_checks import AnswerChecks
from stacker.learners.checks.even_style import GROUPS, EvenStyle, group_of
from stacker.learners.learner_interface import AskedLearner, LearnerData
from stacker.learners.stacking.pool import margins_and_ties, silent_learners

if TYPE_CHECKING:
    from stacker.judge.judge import Judge

TERMS = 20
"""Words and letter sequences that an explanation names at most."""
EQUAL = (
    "answers that are equally relevant, do equally what was asked for and are equally whole; length, layout and tone "
    "do not count, and how likely a tie is comes from the verdict as voted"
)
"""Where explanations of verdicts with style held equal start."""


def explained_as_voted(judge: "Judge", data: LearnerData) -> Explanation:
    """Explain the verdict as voted on the one battle of `data`.

    Raises
    ------
    UserError
        When the judge was saved without a baseline.
    """
    if judge.baseline is None:
        raise UserError("this judge holds no baseline to explain from; make it again by stacker.run.")
    said = judge.member_probabilities(data)
    found = judge.verdicts(data, said)
    # Of a battle that a learner says nothing of, the verdict is that of the others, and so is the explanation.
    pool, places = judge.pool.of_speaking(silent_learners(said[0]))
    members = [judge.members[place] for place in places]
    groups = group_effects(members, pool, judge.baseline, data, said[:, places])
    voted, known = judge.voted(data, said), None if judge.caution is None else judge.caution.finding(data.texts)
    if known is not None:
        groups = groups.with_group(CAUTION, judge.pool.predict_proba(said), voted)
    if judge.checks is not None:
        groups = groups.with_group(CHECKS, voted, found)
    learners = [member.learner for member in members]
    trees = tree_contributions(learners, pool, data)
    terms = token_contributions(learners, pool, data, 0, TERMS)
    findings = [] if judge.checks is None else judge.checks.findings(data.pairs)
    findings += [] if known is None else [(CAUTION, known)]
    questions = [
        QuestionPart(member.name, question, wording, margin)
        for place, member in enumerate(members)
        if isinstance(member.learner, AskedLearner)
        for question, wording, margin in member.learner.judged_effects(
            data, float(pool.margin_weights_[place] / pool.temperature_)
        )
    ]
    return explanation(judge.verdict(found[0]), groups, trees, terms, data.pairs, 0, findings, questions=questions)


def explained_with_even_style(judge: "Judge", even: EvenStyle, data: LearnerData) -> Explanation:
    """Explain the verdict with style held equal on the one battle of `data`; it is a sum, and needs no baseline."""
    assert judge.checks is not None
    voted = judge.voted(data, judge.member_probabilities(data))
    strict = even.strict(judge.checks)
    groups, features = even_style_effects(even, strict, voted, data.pairs)
    verdict = Verdict.of(even.verdicts(voted, data.pairs, judge.checks)[0])
    findings = strict.findings(data.pairs)
    return explanation(verdict, groups, features, [], data.pairs, 0, findings, group_of=group_of, baseline=EQUAL)


def even_style_effects(
    even: EvenStyle, strict: AnswerChecks, voted: Floats, pairs: PairMatrix
) -> tuple[GroupEffects, TreeEffects]:
    """Return what each group, and each feature, adds to one verdict with style held equal.

    Parameters
    ----------
    even : EvenStyle
        What tells the verdict.
    strict : AnswerChecks
        The checks as they speak in it.
    voted : (1, 3) float
        The verdict as voted, before its checks.
    pairs : PairMatrix, 1 row
        Features of the battle.
    """
    terms = even.terms(pairs)
    owners = np.array([GROUPS.index(group_of(name)) for name in even.names])
    margin = np.stack([terms[:, owners == place].sum(axis=1) for place in range(len(GROUPS))], axis=1)
    before = even.before_checks(voted, pairs)
    tie = float(margins_and_ties(before)[1][0])
    groups = GroupEffects(GROUPS, margin, np.zeros_like(margin), tie)
    features = TreeEffects(even.names, terms, np.zeros_like(terms), 0.0)
    return groups.with_group(CHECKS, before, strict.apply(before, pairs)), features
