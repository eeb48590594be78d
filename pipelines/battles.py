"""The battles table: one row a battle, with declared columns and checks."""

OUTCOMES = ("winner_model_a", "winner_model_b", "winner_tie")
"""The three outcomes, in the order they have everywhere; an outcome is stored as its place in this tuple."""
UNLABELLED = -1
"""The outcome of a battle nobody has voted on."""
COLUMNS = ("id", "prompt", "response_a", "response_b", "model_a", "model_b", "outcome", "weight", "source", "lang")
"""Columns of a battles table: texts are tuples of turns; `model_*` and `lang` are "" where unknown."""
TURN_BREAK = "\n\n"


def text_of(turns: tuple[str, ...]) -> str:
    """Join the turns of a prompt or a response into the one text that blocks see."""
    return TURN_BREAK.join(turns)
