"""The blocks that need nothing but text, by name: what a worker process can be asked to run."""

from functools import cache

from features.blocks.interface import AnswerBlock, TextBlock
from features.blocks.overlap import Agreement, Overlap
from features.blocks.readability import Readability
from features.blocks.sentiment import Sentiment
from features.blocks.style import Style
from features.blocks.surface import Surface


@cache
def text_blocks() -> dict[str, TextBlock]:
    """Return the blocks that see one text, in the order their features have."""
    blocks: tuple[TextBlock, ...] = (Surface(), Style(), Sentiment(), Readability())
    return {block.name: block for block in blocks}


@cache
def answer_blocks() -> dict[str, AnswerBlock]:
    """Return the blocks that see two texts at once."""
    blocks: tuple[AnswerBlock, ...] = (Overlap(), Agreement())
    return {block.name: block for block in blocks}
