"""What the server takes and gives, as pydantic models: the OpenAPI description is made from them."""

from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainValidator, WithJsonSchema
from pydantic.json_schema import SkipJsonSchema

from pipelines.errors import UserError
from stacker.judge.input_texts import turns_of
from stacker.judge.verdict import Verdict
from stacker.judge.verdict_control import Control

_TEXT = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
_TEXTS = [
    {"type": "array", "minItems": 1, "items": _TEXT},
    {"type": "object", "minProperties": 1, "additionalProperties": _TEXT},
]
Text = Annotated[list[str], PlainValidator(lambda text: _turns(text)), WithJsonSchema(_TEXT)]
"""A text as people give it: one turn, or the turns of a conversation. Lone surrogates pass, as they do in Python."""
NamedTexts = Annotated[
    tuple[list[str], list[list[str]]],
    PlainValidator(lambda answers: _named_texts(answers)),
    WithJsonSchema({"anyOf": _TEXTS}),
]
"""Names, none where a list was given, and texts."""
MOST_VOTES = 1_000_000
_QUESTION = "Why is the sky blue?"
_SHORT, _LONG = "It is.", "Air scatters short waves more than long ones."
PLACES = "0 is the first"
DECIDED = "Whether the judge is sure enough for its guarantee, or abstains; missing where it has no threshold."


def _turns(text: Any) -> list[str]:
    try:
        return list(turns_of(text, "text"))
    except UserError as fault:
        raise ValueError(str(fault).removeprefix("text: ")) from fault


def _named_texts(answers: Any) -> tuple[list[str], list[list[str]]]:
    if not isinstance(answers, list | dict):
        raise ValueError("holds one text, or something else; give a list of answers, or an object of them by names")
    if not answers:
        raise ValueError("holds no answer; give one or more")
    names = list(answers) if isinstance(answers, dict) else []
    texts = []
    for place, text in enumerate(answers.values() if isinstance(answers, dict) else answers):
        try:
            texts.append(_turns(text))
        except ValueError as fault:
            raise ValueError(f"place {place} {fault}") from fault
    return names, texts


def _whole(number: Any) -> Any:
    """Return 1.0 as 1, which in JSON are the same number."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


class Given(BaseModel):
    """A body of a request: a field that is not known is refused, and no value is taken for another kind."""

    model_config = ConfigDict(extra="forbid", strict=True)


CONTROL: Any = Field(
    default=None,
    description='Left out: what people would vote. "style": what they would say if length and form were the same on '
    "both sides, where the judge has that verdict.",
)


class Battle(Given):
    """One prompt and two answers to it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": _QUESTION, "response_a": _SHORT, "response_b": _LONG}]}
    )

    prompt: Text = Field(description="The prompt: one text, or the turns that the person wrote.")
    response_a: Text = Field(description="Answer A: one text, or the model's turns.")
    response_b: Text = Field(description="Answer B: one text, or the model's turns.")

    @property
    def texts(self) -> tuple[list[str], list[str], list[str]]:
        """Prompt, answer A and answer B, each as its turns."""
        return self.prompt, self.response_a, self.response_b


class AskedBattle(Battle):
    """One prompt and two answers to it, and which verdict is asked for."""

    control: Control = CONTROL


class Battles(Given):
    """Any number of battles."""

    battles: list[Battle] = Field(description="The battles; their verdicts come in the same order.")
    control: Control = CONTROL


class Answers(Given):
    """One prompt and any number of answers to it."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"prompt": _QUESTION, "answers": [_SHORT, _LONG, "Ask your teacher."]}]}
    )

    prompt: Text = Field(description="The prompt: one text, or the turns that the person wrote.")
    answers: NamedTexts = Field(
        description="The answers, each one text or its turns: a list of them, or an object of them by their names."
    )
    votes: Annotated[int, BeforeValidator(lambda number: _whole(number))] = Field(
        default=1, ge=1, le=MOST_VOTES, description="The interval is that which so many votes on each pair would leave."
    )
    level: float = Field(default=0.95, gt=0, lt=1, description="Share of such votes that the interval holds.")
    control: Control = CONTROL


class VerdictGiven(BaseModel):
    """The probabilities that a person prefers answer A, answer B, or calls it a tie; they add up to 1."""

    winner_model_a: float = Field(description="Probability that a person prefers answer A.", ge=0, le=1)
    winner_model_b: float = Field(description="Probability that a person prefers answer B.", ge=0, le=1)
    winner_tie: float = Field(description="Probability that a person calls it a tie.", ge=0, le=1)
    preferred: Literal["A", "B", "tie"] = Field(description="The most probable of the three.")
    decided: bool | SkipJsonSchema[None] = Field(default=None, description=DECIDED)

    @classmethod
    def of(cls, probabilities: Any, decided: bool | None) -> Self:
        """Make it of (3,) probabilities, and of whether the judge decides with them."""
        verdict = Verdict.of(probabilities, decided)
        return cls(**verdict.to_dict(), preferred=verdict.preferred)


class VerdictsGiven(BaseModel):
    """One verdict for each battle."""

    verdicts: list[VerdictGiven] = Field(description="In the order of the battles.")


class AnswerRanked(BaseModel):
    """One answer among the others."""

    place: int = Field(description=f"Its place in `answers`; {PLACES}.")
    name: str = Field(description="Its name in `answers`, empty where they were a list.")
    strength: float = Field(description="Bradley-Terry strength in log-odds; the mean over the answers is 0.")
    low: float = Field(description="Lower end of its interval.")
    high: float = Field(description="Upper end of its interval.")
    rank: int = Field(description="1 for the strongest.")
    rank_low: int = Field(description="The best rank that the intervals leave it.")
    rank_high: int = Field(description="The worst rank that the intervals leave it.")
    expected_score: float = Field(description="What a vote against another answer gives it on average: 1, or half.")
    decided: float | SkipJsonSchema[None] = Field(
        default=None,
        description="Share of the verdicts on it that the judge decides; missing where `decided` would be.",
    )


class RankingGiven(BaseModel):
    """The answers, the strongest first."""

    ranking: list[AnswerRanked] = Field(description="The strongest first.")


class VerdictExplained(BaseModel):
    """A verdict with the log-odds that an explanation adds up to."""

    winner_model_a: float = Field(description="Probability that a person prefers answer A.")
    winner_model_b: float = Field(description="Probability that a person prefers answer B.")
    winner_tie: float = Field(description="Probability that a person calls it a tie.")
    margin: float = Field(description="Log-odds of A against B: the sum of the groups' margins.")
    tie_log_odds: float = Field(description="Log-odds of a tie: `base_tie` and the sum of the groups' ties.")
    decided: bool | SkipJsonSchema[None] = Field(default=None, description=DECIDED)


class GroupExplained(BaseModel):
    """What one group of features adds."""

    group: str = Field(description="The group's name.")
    margin: float = Field(description="Its Shapley value for the log-odds of A against B.")
    tie: float = Field(description="Its Shapley value for the log-odds of a tie.")
    text: str = Field(description="The same in words.")


class FeatureExplained(BaseModel):
    """What one feature adds inside the trees."""

    feature: str = Field(description="`block: column`.")
    of: Literal["answers", "prompt", "both"] = Field(description="Whose number it is.")
    group: str = Field(description="Its group.")
    kind: str = Field(description="How to write its numbers: count, log count, share, flag or score.")
    a: float | None = Field(description="Its value for answer A.")
    b: float | None = Field(description="Its value for answer B.")
    difference: float | None = Field(description="a - b.")
    value: float | None = Field(description="Its value for the prompt, or for both answers together.")
    margin: float = Field(description="What it adds to the log-odds of A against B.")
    tie: float = Field(description="What it adds to the log-odds of a tie.")
    text: str = Field(description="How the answers differ, in words.")


class TermExplained(BaseModel):
    """What one word, or one sequence of letters, adds inside the sparse learner."""

    term: str = Field(description="The word or letters.")
    margin: float = Field(description="What it adds to the log-odds of A against B.")


class ExplanationGiven(BaseModel):
    """Why the judge says what it says of one battle."""

    verdict: VerdictExplained
    base_tie: float = Field(description="Log-odds of a tie before anything is known of the battle.")
    groups: list[GroupExplained] = Field(description="Every group that the judge uses; their margins add up.")
    features: list[FeatureExplained] = Field(description="Features of the trees, the strongest first.")
    terms: list[TermExplained] = Field(description="The strongest words and letter sequences.")
    tree_margin: float = Field(description="The trees' part of the log-odds of A against B.")
    tree_tie: float = Field(description="The trees' part of the log-odds of a tie.")
    tree_base_tie: float = Field(description="Of it, what they say before they know anything.")
    baseline: str = Field(description="What the groups are compared with.")
    sentences: list[str] = Field(description="The explanation in words.")


class Health(BaseModel):
    """What is served, and how busy it is."""

    status: Literal["ok"] = Field(description="It answers.")
    judge: str = Field(description="Name of the judge's folder.")
    sha256: str = Field(description="Hash of the judge's files.")
    trained_on: str = Field(description="What it was trained on.")
    version: str = Field(description="Version of this software.")
    waiting: int = Field(description="Battles that wait or are being judged.")


class Refused(BaseModel):
    """Why a request was not answered."""

    error: str = Field(description="One sentence: what is wrong, and what to do.")
