"""Settings of learners that are judges elsewhere: predictions in files, and language models that are asked."""

from typing import Literal

from pydantic import Field

from pipelines.chat.chat_params import ChatParams
from pipelines.files.saved_files import Name
from pipelines.settings import LocalPath, Section, Strengths

Values = Literal["auto", "probabilities", "logits"]
Missing = Literal["refuse", "go_without"]


class OutsideParams(Section):
    """Predictions of another model as a learner.

    `out_of_fold` has, by the battles' ids, what a model says of the battles to learn from that it was not trained on;
    `test` what it says of those to predict. `values` says what the numbers are (auto tells by them). More than the
    share `max_missing` of the battles without a prediction is an error; the rest goes by the other learners.
    `on_missing` is for the finished judge: refuse battles where none has a prediction, or go_without.
    """

    name: Name
    out_of_fold: LocalPath
    test: LocalPath | None = None
    enabled: bool = True
    values: Values = "auto"
    max_missing: float = Field(0.5, ge=0, le=1)
    on_missing: Missing = "refuse"


class JudgeParams(ChatParams):
    """A language model as a judge, next to what `ChatParams` says of it.

    It is asked each question in both orders of the answers: the general one (`overall`), and one for each principle,
    by name among the built-in ones or those of the file `constitution`, which alone means all of them. `prompt` is a
    file with a prompt of one's own. With `logprobs` its verdict is read off the probabilities of A, B and C where it
    gives them, else off what it writes. Of a prompt and of an answer at most so many characters are shown, head and
    tail. `C` are the candidates for how freely the votes may weigh its verdicts. `max_missing` and `on_missing` are as
    in `OutsideParams`.
    """

    name: Name
    enabled: bool = True
    overall: bool = True
    principles: tuple[str, ...] = Field((), max_length=32)
    constitution: LocalPath | None = None
    prompt: LocalPath | None = None
    logprobs: bool = True
    prompt_characters: int = Field(2000, ge=100, le=1_000_000)
    answer_characters: int = Field(3000, ge=100, le=1_000_000)
    C: Strengths = (0.01, 0.1, 1.0)
    max_missing: float = Field(0.5, ge=0, le=1)
    on_missing: Missing = "refuse"
