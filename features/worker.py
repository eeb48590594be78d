"""The process that runs blocks for another one, started by `features.parallel`.

A request is UTF-8 JSON `[block, [text, ...], ...]` with one or two lists of texts; an answer is the float32 rows.
"""

import json
from collections.abc import Sequence

from features.blocks.registry import answer_blocks, text_blocks
from pipelines.terminal.processes import run_worker


def request(block: str, texts: Sequence[Sequence[str]]) -> bytes:
    """Return the message that asks for a block's numbers; JSON's escapes carry lone surrogates too."""
    return json.dumps([block, *(list(column) for column in texts)]).encode("ascii")


def answer(message: bytes) -> bytes:
    """Return the numbers that a request asks for."""
    name, *texts = json.loads(message)
    alone, paired = text_blocks(), answer_blocks()
    rows = alone[name].compute(texts[0]) if name in alone else paired[name].compute(texts[0], texts[1])
    return rows.tobytes()


if __name__ == "__main__":
    run_worker(answer)
