"""The section training of params.yaml: what a judge is trained on besides votes."""

from typing import Literal

from pydantic import Field, model_validator

from pipelines.settings import Section
from stacker.training.made.check_fitting import CheckSettings
from stacker.training.made.made_answers import FAMILIES

_USUAL = CheckSettings()
MAX_BIN = 63
"""Values of a feature that the trees of checks can tell apart in a run: a fit takes half the time it does with 255."""
Family = Literal[*FAMILIES]  # type: ignore[valid-type]


class CounterfactualParams(Section):
    """Made battles: a real answer against one that was made worse, which teach a judge's checks.

    With fewer than `fewest` battles there are no checks: a hundred did not tell well where checks should begin.
    `answers` real answers are made worse in every family of `families`, and `battles` real battles tell where checks
    begin to count, so that a run of many battles costs no more than one of some thousand. `held_out` families are never
    trained on: the report says how the checks do on them. `bad`, `off_topic` and `odd` are quantiles of real answers
    that did not lose, beyond which a text counts as bad, as an answer to another prompt, or as such as no real answer
    is, and costs `cap` log-odds at most; beyond the quantile `sure` (`sure_bad` for a bad text) it may cost `sure_cap`
    more. `nothing` is what an answer that says nothing of its own costs, next to one that does. Of what speaks for
    an answer that few real ones are like, `doubtful` log-odds are taken at most, to where it just loses. The word
    on which of two like answers is made of the other is not heard up to `doubt` log-odds. `rounds` is the number of
    trees for each kind of answer. `style` adds a second verdict, with style held equal. `shown` made battles of
    each family tell in the report which tricks win, 0 for none. `submission` is whether the checks have a say in
    submission.csv too: the tests of a competition hold no made answer.
    """

    enabled: bool = True
    fewest: int = Field(200, ge=20, le=1_000_000)
    answers: int = Field(100, ge=20, le=20_000)
    families: tuple[Family, ...] = Field(tuple(FAMILIES), min_length=1)
    held_out: tuple[Family, ...] = ()
    battles: int = Field(_USUAL.real, ge=100, le=1_000_000)
    bad: float = Field(_USUAL.bad, ge=0.5, le=1)
    off_topic: float = Field(_USUAL.off_topic, ge=0.5, le=1)
    odd: float = Field(_USUAL.odd, ge=0.5, le=1)
    cap: float = Field(_USUAL.cap, ge=0, le=20)
    sure: float = Field(_USUAL.sure, ge=0.5, le=1)
    sure_bad: float = Field(_USUAL.sure_bad, ge=0.5, le=1)
    sure_cap: float = Field(_USUAL.sure_cap, ge=0, le=20)
    nothing: float = Field(_USUAL.nothing, ge=0, le=20)
    doubtful: float = Field(_USUAL.doubtful, ge=0, le=20)
    doubt: float = Field(_USUAL.doubt, ge=0, le=20)
    rounds: int = Field(_USUAL.rounds, ge=1, le=2000)
    style: bool = True
    shown: int = Field(20, ge=0, le=1000)
    submission: bool = True

    @model_validator(mode="after")
    def _something_to_learn(self) -> "CounterfactualParams":
        if not self.trained_on:
            raise ValueError("held_out holds every family, so that none is left to train on; leave one out")
        return self

    @property
    def trained_on(self) -> tuple[str, ...]:
        """Families that are trained on."""
        return tuple(family for family in self.families if family not in self.held_out)

    @property
    def check_settings(self) -> CheckSettings:
        """Return how checks are fitted."""
        return CheckSettings(
            count=self.answers,
            families=self.trained_on,
            real=self.battles,
            bad=self.bad,
            off_topic=self.off_topic,
            odd=self.odd,
            cap=self.cap,
            sure=self.sure,
            sure_bad=self.sure_bad,
            sure_cap=self.sure_cap,
            nothing=self.nothing,
            doubtful=self.doubtful,
            doubt=self.doubt,
            rounds=self.rounds,
            max_bin=MAX_BIN,
        )


class TrainingParams(Section):
    """What a judge is trained on besides votes."""

    counterfactuals: CounterfactualParams = CounterfactualParams()
