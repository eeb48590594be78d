"""Which columns of a table hold the prompt and the two answers, by the names that people and tools give them."""

from pipelines.battles.table import TEXT_COLUMNS
from pipelines.formats.forms.form_interface import Shape
from pipelines.formats.forms.message_lists import nested
from pipelines.formats.records import canonical

PROMPTS = (
    *("prompt", "question", "instruction", "query", "user_prompt", "user_input", "input", "request", "conversation"),
    *("context", "history", "messages"),
)
"""Names of the column of prompts, the first that a file has is taken."""
_STEMS = ("response", "answer", "output", "completion", "reply", "generation", "candidate", "text", "option")
_ENDS = (("_a", "_b"), ("_1", "_2"), ("_0", "_1"), ("a", "b"), ("1", "2"), ("_left", "_right"))
PAIRS = (
    *((f"{stem}{first}", f"{stem}{second}") for stem in _STEMS for first, second in _ENDS),
    *((f"{first}_{stem}", f"{second}_{stem}") for stem in _STEMS for first, second in (("model_a", "model_b"),)),
    *((f"{first}_{stem}", f"{second}_{stem}") for stem in _STEMS for first, second in (("left", "right"),)),
)
"""Names of the two columns of answers."""


def response_columns(shape: Shape) -> list[str]:
    """Return the columns that hold lists of responses, each with its person and its value, as Argilla's tables have."""
    if "fields" in shape.columns or not answer_columns(shape):
        return []
    found = []
    for column in shape.columns:
        cells = [nested(cell) for cell in shape.sample(column)]
        lists = [cell for cell in cells if isinstance(cell, list) and cell]
        if lists and all(
            isinstance(each, dict) and {"user_id", "value"} <= set(each) for cell in lists for each in cell
        ):
            found.append(column)
    return found


def prompt_column(shape: Shape) -> str | None:
    """Return the column of prompts, by the names that it usually has."""
    return next((shape.named[name] for name in PROMPTS if name in shape.named), None)


def answer_columns(shape: Shape) -> list[tuple[str, str]]:
    """Return the pairs of columns that can be the answers; Kaggle's alone, where they are there."""
    pairs = [(shape.named[first], shape.named[second]) for first, second in PAIRS if shape.has(first, second)]
    return pairs[:1] if pairs and canonical(pairs[0][0]) == TEXT_COLUMNS[1] else pairs


def third_answer(shape: Shape, first: str, second: str) -> str | None:
    """Return the column that goes on behind two of answers, where it says anything; None where there is none."""
    stem, end = canonical(second)[:-1], canonical(second)[-1:]
    following = {"b": "c", "2": "3", "1": "2"}.get(end)
    third = None if following is None else shape.named.get(stem + following)
    return third if third is not None and shape.sample(third) else None
