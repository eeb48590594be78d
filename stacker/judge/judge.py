"""The judge: features, learners and level-1 model together, asked for verdicts, explanations and rankings."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.build import FeatureParams
from features.cache import KeepsRows
from features.encoder.embedding import Encoder
from pipelines.battles.arrays import Floats
from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.terminal.command_line import Progress, silent
from stacker.judge.abstention import Abstention
from stacker.judge.answer_ranking import RankedAnswer, every_pair, ranking
from stacker.judge.explain.explanation_baseline import Baseline
from stacker.judge.input_texts import Text, battles_of, one_battle, turns_of
from stacker.judge.judge_folder import JudgeParts, load_parts, save_parts, seen_features
from stacker.judge.members import Begun, Member, begun_by, cascaded, check_said, learner_data, said_of
from stacker.judge.verdict import DECIDED, Verdict
from stacker.judge.verdict_control import Control, even_style_for
from stacker.learners.checks.answer_checks import AnswerChecks
from stacker.learners.checks.caution import Caution
from stacker.learners.checks.even_style import EvenStyle
from stacker.learners.judges.starter_prior import starter_folder
from stacker.learners.learner_interface import LearnerData
from stacker.learners.stacking.pool import Pool

if TYPE_CHECKING:
    from stacker.judge.explain.explanation import Explanation

ROWS_AT_ONCE = 4096


class Judge:
    """Tells for a prompt and two responses which one a person would prefer.

    Parameters
    ----------
    features : FeatureParams
        Blocks that are on.
    encoder : Encoder or None
        The frozen encoder; None where the embedding block is off.
    members : sequence of Member
        The learners, in the order of the pool's weights.
    pool : Pool
        The fitted level-1 model.
    about : dict
        What is worth knowing of the run that made it (JSON values).
    baseline : Baseline or None
        Where explanations start; without it there are none.
    abstention : Abstention or None
        The threshold below which it abstains; without one `decided` is None in every verdict.
    checks : AnswerChecks or None
        What has its say after the votes: whether each answer is one, and whether one is made of the other.
    even_style : EvenStyle or None
        What tells the second verdict, with style held equal; it needs `checks`.
    caution : Caution or None
        What draws verdicts of the votes back where the script of the texts is one that the learners hardly know.
    """

    def __init__(
        self,
        features: FeatureParams,
        encoder: Encoder | None,
        members: Sequence[Member],
        pool: Pool,
        about: dict[str, Any],
        baseline: Baseline | None = None,
        abstention: Abstention | None = None,
        checks: AnswerChecks | None = None,
        even_style: EvenStyle | None = None,
        caution: Caution | None = None,
    ) -> None:
        self.features = features
        self.encoder = encoder
        self.members = list(members)
        self.pool = pool
        self.about = about
        self.baseline = baseline
        self.abstention = abstention
        self.checks = checks
        self.even_style = even_style
        self.cascades = False  # whether language models are asked only where the other learners are unsure
        self.caution = caution

    def compare(self, prompt: Text, response_a: Text, response_b: Text, *, control: Control = None) -> Verdict:
        """Return the verdict on one battle.

        Parameters
        ----------
        prompt, response_a, response_b : str, or sequence of str
            One turn, or the turns of a conversation.
        control : "style" or None
            None is what people would vote; "style" what they would say if length and form were the same on both sides
            (`stacker.learners.checks.even_style`), where the judge has that verdict.

        Raises
        ------
        UserError
            When a text is something else, or the judge has no such verdict.
        """
        probabilities = self._told(one_battle(prompt, response_a, response_b), control)[0]
        return self.verdict(probabilities) if control is None else Verdict.of(probabilities)

    def verdict(self, probabilities: Floats) -> Verdict:
        """Return (3,) probabilities of this judge as a verdict, decided or not."""
        decided = self.decided(probabilities[None])
        return Verdict.of(probabilities, None if decided is None else bool(decided[0]))

    def decided(self, probabilities: Floats, control: Control = None) -> NDArray[np.bool_] | None:
        """Return (n,): which battles it decides with (n, 3) probabilities of its own.

        None without a threshold, and for verdicts with style held equal, which no threshold is known for.
        """
        return None if self.abstention is None or control is not None else self.abstention.decides(probabilities)

    def compare_many(
        self,
        frame: pd.DataFrame,
        *,
        cache: KeepsRows | None = None,
        threads: int = 1,
        progress: Progress = silent,
        control: Control = None,
    ) -> pd.DataFrame:
        """Return the verdicts on n battles as a frame with the same index.

        Parameters
        ----------
        frame : DataFrame, n rows
            As in `predict_proba`, and so are the others.

        Returns
        -------
        DataFrame, n rows
            Columns `winner_model_a`, `winner_model_b`, `winner_tie`: probabilities; `decided` (bool) where the judge
            has a threshold, for verdicts as voted.
        """
        probabilities = self.predict_proba(frame, cache=cache, threads=threads, progress=progress, control=control)
        found = pd.DataFrame(probabilities, index=frame.index, columns=list(OUTCOMES))
        decided = self.decided(probabilities, control)
        return found if decided is None else found.assign(**{DECIDED: decided})

    def explain(self, prompt: Text, response_a: Text, response_b: Text, *, control: Control = None) -> "Explanation":
        """Return the verdict on one battle with what each group and each feature of the trees adds to it.

        Parameters
        ----------
        prompt, response_a, response_b, control
            As in `compare`; with style held equal the groups are `stacker.learners.checks.even_style.GROUPS` and the
            checks, and the features those of its sums.

        Raises
        ------
        UserError
            When a text is something else, or the judge was saved without a baseline, or has no such verdict.
        """
        from stacker.judge.explain.judge_explained import explained_as_voted, explained_with_even_style

        even = even_style_for(self.even_style, control)
        data = self.data(one_battle(prompt, response_a, response_b))
        return explained_as_voted(self, data) if even is None else explained_with_even_style(self, even, data)

    def rank(
        self,
        prompt: Text,
        answers: Sequence[Text] | Mapping[str, Text],
        *,
        votes: int = 1,
        level: float = 0.95,
        control: Control = None,
    ) -> list[RankedAnswer]:
        """Order any number of answers to one prompt by the verdicts on every pair of them.

        Parameters
        ----------
        prompt : str, or sequence of str
            As in `compare`.
        answers : sequence of m texts, or mapping of m names to texts
            Each as in `compare`.
        votes : int
            The interval is that of the strengths which so many votes on each pair would give.
        level : float
            Share of such votes that the interval holds.
        control : "style" or None
            As in `compare`.

        Returns
        -------
        list of m RankedAnswer
            The strongest first; `place` is an answer's place in `answers`, `name` its key there.

        Raises
        ------
        UserError
            When a text is something else, or `answers` is one text or has no order.
        """
        if isinstance(answers, str):
            raise UserError("answers: is one text; give a list of answers.")
        if isinstance(answers, set | frozenset | pd.DataFrame):
            raise UserError(f"answers: are a {type(answers).__name__}; give a list, or a mapping of names to answers.")
        names = [str(name) for name in answers] if isinstance(answers, Mapping) else []
        answers = list(answers.values()) if isinstance(answers, Mapping) else answers
        if votes < 1 or not 0 < level < 1:
            raise UserError(f"votes {votes}, level {level}: votes is at least 1, level lies between 0 and 1.")
        texts = [turns_of(answer, f"answers, place {place}") for place, answer in enumerate(answers)]
        first, second = every_pair(len(texts))
        asked = turns_of(prompt, "prompt")
        battles = pd.DataFrame(
            [(asked, texts[a], texts[b]) for a, b in zip(first, second, strict=True)], columns=list(TEXT_COLUMNS)
        )
        probabilities = self.predict_proba(battles, control=control)
        decided = self.decided(probabilities, control)
        return ranking(first, second, probabilities, len(texts), votes, level, names, decided)

    def predict_proba(
        self,
        battles: pd.DataFrame,
        *,
        cache: KeepsRows | None = None,
        threads: int = 1,
        progress: Progress = silent,
        control: Control = None,
    ) -> Floats:
        """Return (n, 3) probabilities of A, B and tie.

        Parameters
        ----------
        battles : DataFrame, n rows
            Columns `prompt`, `response_a`, `response_b`: a str is one turn, a sequence of str the turns of a
            conversation; other columns are not looked at.
        cache : KeepsRows or None
            Where numbers of texts are kept; None computes them anew.
        threads : int
            Processes for the text features.
        progress : Progress
            Told how far the work has come.
        control : "style" or None
            As in `compare`.

        Raises
        ------
        UserError
            When a column is missing or a cell holds something else; the sentence names column and row.
        """
        return self._told(battles_of(battles), control, cache=cache, threads=threads, progress=progress)

    def _told(self, battles: pd.DataFrame, control: Control, **of: Any) -> Floats:
        """Do what `predict_proba` does for tuples of turns; `of` is what `data` takes."""
        even_style_for(self.even_style, control)
        found = np.empty((len(battles), 3))
        for start in range(0, len(battles), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            part = battles if len(battles) <= ROWS_AT_ONCE else battles.iloc[rows]
            begun, meanwhile = ({}, None) if self.cascades else begun_by(self.members, self.pool.heard(), part)
            data = self.data(part, **of, meanwhile=meanwhile)
            found[rows] = self.verdicts(data, self.member_probabilities(data, begun), control)
        return found

    def verdicts(self, data: LearnerData, said: Floats, control: Control = None) -> Floats:
        """Return (n, 3) verdicts of what the learners said, (n, K, 3), of n battles."""
        voted, even = self.voted(data, said), even_style_for(self.even_style, control)
        if even is not None and self.checks is not None:
            return even.verdicts(voted, data.pairs, self.checks)
        return voted if self.checks is None else self.checks.apply(voted, data.pairs)

    def voted(self, data: LearnerData, said: Floats) -> Floats:
        """Return (n, 3) verdicts before checks: pooled, and drawn back where little is known of the texts."""
        pooled = self.pool.predict_proba(said)
        return pooled if self.caution is None else self.caution.apply(pooled, data.texts)

    def data(self, battles: pd.DataFrame, **of: Any) -> LearnerData:
        """Return what the learners see of the battles; `of` is what `learner_data` takes as well."""
        return learner_data(battles, self.seen_features, self.encoder, **of)

    @property
    def seen_features(self) -> FeatureParams:
        """Which blocks are computed."""
        return seen_features(self.features, self.checks, self.even_style)

    def member_probabilities(self, data: LearnerData, begun: Begun | None = None) -> Floats:
        """Return (n, K, 3): the probabilities of each learner; NaN where one that may says nothing of a battle.

        A learner without any weight in the pool is not asked, and has 1/3 each. `begun` are learners that have begun.
        A `UserError` where one gives none, as `stacker.judge.members.check_said` has it.
        """
        heard = self.pool.heard()
        said = cascaded(self.members, self.pool, data) if self.cascades else said_of(self.members, heard, data, begun)
        check_said(self.members, said)
        return said

    def save(self, folder: Path) -> None:
        """Write the judge as one folder, whole or not at all."""
        made = (self.features, self.encoder, self.members, self.pool, self.about, self.baseline)
        save_parts(folder, JudgeParts(*made, self.abstention, self.checks, self.even_style, self.caution))

    @classmethod
    def load(cls, folder: Path | str | None = None, *, device: Literal["cpu", "cuda"] | None = None) -> "Judge":
        """Read a saved judge.

        Parameters
        ----------
        folder : Path, str or None
            What `save` wrote; None is the starter judge in this package, trained on votes of other people.
        device : "cpu", "cuda" or None
            Where the frozen encoder runs; None is where the run that made the judge had it.

        Raises
        ------
        UserError
            When the folder holds no judge, one of another format, or the encoder it was made with is not here.
        """
        parts = load_parts(starter_folder() if folder is None else Path(folder), device)
        made = (parts.features, parts.encoder, parts.members, parts.pool, parts.about)
        return cls(*made, parts.baseline, parts.abstention, parts.checks, parts.even_style, parts.caution)
