"""An explanation as data and as sentences: what each group, and each feature inside the trees, adds to one verdict."""

import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from features.pairs import PairMatrix, parsed
from stacker.judge.explain import wording
from stacker.judge.explain.explanation_baseline import STATED
from stacker.judge.explain.explanation_parts import FeaturePart, GroupPart, QuestionPart, TermPart, reason, said_of
from stacker.judge.explain.group_effects import (
    GroupEffects,
    group_of_feature,
)
from stacker.judge.explain.learner_contributions import TreeEffects
from stacker.judge.explain.wording import Language
from stacker.judge.verdict import Verdict

_SHOWN = 8


@dataclass(frozen=True)
class Explanation:
    """Why a judge says what it says of one battle.

    Attributes
    ----------
    verdict : Verdict
        What is explained: its `margin` is the sum of the groups' margins, its `tie_log_odds` that of their ties and
        `base_tie`.
    base_tie : float
        Tie log-odds of the baseline; its log-odds of A against B are 0.
    groups : tuple of GroupPart
        Every group the judge uses, in the order they are shown.
    features : tuple of FeaturePart
        Inside the trees, the strongest first; they add up to `tree_margin`, and with `tree_base_tie` to `tree_tie`.
    terms : tuple of TermPart
        The strongest words and letter sequences of the sparse learner; there are more, each of little weight.
    tree_margin, tree_tie, tree_base_tie : float
        The trees' part of the verdict, and of it what they say before they know anything.
    findings : tuple of (str, str)
        What the checks of the answers found: a key of `answer_checks.FINDINGS`, and the answer, "A" or "B"; and where
        the verdict was drawn back, "caution" and the script of the texts, one of `features.text.SCRIPTS`.
    baseline : str
        What the groups are compared with.
    questions : tuple of QuestionPart
        What language models were asked, and what each answer adds.
    """

    verdict: Verdict
    base_tie: float
    groups: tuple[GroupPart, ...]
    features: tuple[FeaturePart, ...]
    terms: tuple[TermPart, ...]
    tree_margin: float
    tree_tie: float
    tree_base_tie: float
    findings: tuple[tuple[str, str], ...] = ()
    baseline: str = STATED
    questions: tuple[QuestionPart, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return everything as JSON values."""
        log_odds = {"margin": self.verdict.margin, "tie_log_odds": self.verdict.tie_log_odds}
        found = asdict(self)
        for name in ("groups", "features", "terms", "questions"):
            found[name] = list(found[name])
        return found | {"verdict": self.verdict.to_dict() | log_odds}

    def reason(self, group: str, language: Language = "en") -> str:
        """Return what a person would name first of a group, "" where there is nothing to name."""
        part = next(part for part in self.groups if part.group == group)
        return reason(group, part.margin, part.tie, self.features, self.terms, language, self.findings, self.questions)

    def lines(self, features: int = _SHOWN) -> list[str]:
        """Return the explanation in sentences: the verdict, every group, and the strongest features of the trees."""
        found = [
            f"Verdict: {self.verdict}; log-odds of A against B {self.verdict.margin:+.2f}, "
            f"of a tie {self.verdict.tie_log_odds:+.2f}.",
            f"Compared with {self.baseline} (log-odds 0, of a tie {self.base_tie:+.2f}):",
        ]
        if self.verdict.decided is False:
            found.insert(1, "The judge abstains: it is not sure enough here for the agreement that it guarantees.")
        found += [f"- {part.text}" for part in sorted(self.groups, key=lambda part: -abs(part.margin))]
        if self.features:
            inside = "Inside the trees" if self.baseline == STATED else "Feature by feature"
            found.append(f"{inside} ({self.tree_margin:+.2f} of the log-odds of A against B):")
            found += [f"- {part.margin:+.3f}: {part.text}" for part in self.features[:features]]
        if self.questions:
            found.append("What language models were asked:")
            found += [f"- {part.margin:+.3f}: {part.said()} ({part.judge})" for part in self.questions]
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines())


def explanation(
    verdict: Verdict,
    groups: GroupEffects,
    trees: TreeEffects,
    terms: Sequence[tuple[str, float]],
    pairs: PairMatrix,
    row: int,
    findings: Sequence[tuple[str, str]] = (),
    *,
    group_of: Callable[[str], str] = group_of_feature,
    baseline: str = STATED,
    questions: Sequence[QuestionPart] = (),
) -> Explanation:
    """Put the numbers of one battle together and into words.

    Parameters
    ----------
    verdict : Verdict
        The judge's.
    groups, trees : GroupEffects, TreeEffects
        Of the battles among which this one is at place `row`.
    terms : sequence of (str, float)
        The strongest terms of this battle.
    pairs : PairMatrix
        Features of the blocks of the same battles.
    findings : sequence of (str, str)
        What the checks found in this battle.
    group_of : callable
        The group of a feature of `trees`.
    baseline : str
        What the groups are compared with.
    questions : sequence of QuestionPart
        What language models were asked of this battle.
    """
    values = dict(zip(pairs.names, pairs.values[row].tolist(), strict=True))
    features = _features(trees, row, values, group_of)
    named = tuple(TermPart(term, effect) for term, effect in terms)
    parts = []
    for place, group in enumerate(groups.groups):
        margin, tie = float(groups.margin[row, place]), float(groups.tie[row, place])
        said = f"{group} {wording.favours(margin)} and {wording.about_ties(tie)}"
        why = reason(group, margin, tie, features, named, findings=findings, questions=questions)
        parts.append(GroupPart(group, margin, tie, f"{said}: {why}" if why else said))
    margin = float(trees.margin[row].sum())
    tie = float(trees.tie[row].sum()) + trees.base_tie
    return Explanation(
        verdict,
        groups.base_tie,
        tuple(parts),
        features,
        named,
        margin,
        tie,
        trees.base_tie,
        tuple(findings),
        baseline,
        tuple(questions),
    )


def _features(
    trees: TreeEffects, row: int, values: Mapping[str, float], group_of: Callable[[str], str]
) -> tuple[FeaturePart, ...]:
    """Join the forms of each feature, the strongest first; those that add nothing are left out."""
    margins: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    ties: defaultdict[tuple[str, str, str], float] = defaultdict(float)
    groups = {}
    for name, margin, tie in zip(trees.names, trees.margin[row].tolist(), trees.tie[row].tolist(), strict=True):
        key = _joined(name, values)
        margins[key] += margin
        ties[key] += tie
        groups[key] = group_of(name)
    found = [
        _feature_part(key, groups[key], margins[key], ties[key], values) for key in margins if margins[key] or ties[key]
    ]
    return tuple(sorted(found, key=lambda part: (-abs(part.margin), -abs(part.tie), part.feature, part.of)))


def _joined(name: str, values: Mapping[str, float]) -> tuple[str, str, str]:
    """Return block, column and whose number it is, with logarithms and nameless directions joined."""
    feature = parsed(name)
    of = {"prompt": "prompt", "A,B": "both"}.get(feature.kind, "answers")
    column = feature.column
    plain = column.removeprefix("log ")
    if feature.is_direction:
        column = wording.MEANING
    elif plain != column and f"{feature.block}: {plain} ({feature.kind})" in values:
        column = plain
    return feature.block, column, of


def _feature_part(
    key: tuple[str, str, str], group: str, margin: float, tie: float, values: Mapping[str, float]
) -> FeaturePart:
    block, column, of = key
    a = b = difference = value = None
    kinds = {"answers": ("A", "B"), "prompt": ("prompt",), "both": ("A,B",)}[of]
    found = [values.get(f"{block}: {column} ({kind})") for kind in kinds]
    known = [None if number is None or not math.isfinite(number) else float(number) for number in found]
    if of != "answers":
        value = known[0]
    elif None not in found:
        a, b = known
        difference = None if a is None or b is None else a - b
    name = f"{block}: {column}"
    kind, text = wording.kind_of(block, column), said_of(name, of, a, b, value)
    return FeaturePart(name, of, group, kind, a, b, difference, value, margin, tie, text)
