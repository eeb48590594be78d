"""Whatever stands in a cell, or inside one, costs its row or its file a sentence, and never a traceback."""

import contextlib
import copy
import random

import pytest
from support.vote_files import talk, write_rows

from pipelines.errors import UserError
from pipelines.formats.reading import read_battles

ODD = [
    *(
        None,
        float("nan"),
        float("inf"),
        10**400,
        -1,
        True,
        "",
        "nan",
        [],
        {},
        [[]],
        [{}],
        [None],
        {"a": None},
        "[",
        "{'a':",
    ),
    *(
        "\ud800",
        ["x", 1],
        {"rank": 1},
        [{"answer": 1}],
        [{"role": "user"}],
        [{"user": None}],
        "1e999",
        {"messages": []},
    ),
]
SAID = {"role": "assistant", "content": [{"type": "text", "text": "x"}]}
REPLIES = [{"text": text, "role": "assistant", "rank": rank, "replies": []} for rank, text in enumerate("xy")]
ROWS = {
    "scores": {"question": {"full_text": "q"}, "answer_0": "x", "answer_1": "y", "score_0": 0.5, "score_1": -0.5},
    "voters": {"instruction": "q", "input": "r", "response1": "x", "response2": "y", "annotator1": 1, "annotator2": 2},
    "ranks": {"prompt": "q", "answers": [{"answer": "x", "rank": 1}, {"answer": "y", "rank": 2}]},
    "ratings": {
        "instruction": "q",
        "completions": [{"response": text, "annotations": {"honesty": {"Rating": "3"}}} for text in "xy"],
    },
    "lists": {"input": talk("q"), "generations": ["x", "y"], "ratings": [1, 2]},
    "trees": {"message_tree_id": "1", "prompt": {"text": "q", "role": "prompter", "replies": REPLIES}},
    "arena": {"winner": "tie", "full_conversation": [{"user": {"role": "user", "content": "q"}, "model_side_a": SAID}]},
    "grades": {"instruction": "q", "output_1": "x", "output_2": "y", "preference": 1.5},
}


def changed(value, chance):
    """Return a value of which some parts are odd ones."""
    if chance.random() < 0.15:
        return copy.deepcopy(chance.choice(ODD))
    if isinstance(value, dict):
        return {key: changed(part, chance) for key, part in value.items() if chance.random() > 0.05}
    return [changed(part, chance) for part in value] if isinstance(value, list) else value


@pytest.mark.parametrize("name", ROWS)
def test_odd_cells_are_told_in_a_sentence(tmp_path, name):
    chance = random.Random(name)
    for _ in range(25):
        odd = [{key: changed(cell, chance) for key, cell in ROWS[name].items()} for _ in range(3)]
        path = write_rows(tmp_path / "a.jsonl", [ROWS[name], *odd])
        for labelled in (True, None, False):
            with contextlib.suppress(UserError):
                read_battles(path, labelled=labelled, rescue=labelled is False, max_rejected=1.0)
