"""Every block there is, and what is asked about blocks and columns by name."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator

from features.blocks.chinese.chinese import Chinese
from features.blocks.comparison import Agreement, Nearness, Overlap
from features.blocks.interface import EMBEDDINGS, Block, Column
from features.blocks.likelihood.likelihood import Likelihood
from features.blocks.readability import Readability
from features.blocks.reading.coherence import Coherence
from features.blocks.reading.derivation import Derivation
from features.blocks.reading.instructions import Instructions
from features.blocks.reading.integrity import Integrity
from features.blocks.reading.relevance import Relevance
from features.blocks.reading.substance import Substance
from features.blocks.sentiment import Sentiment
from features.blocks.style.style import Style
from features.blocks.surface import Surface
from features.blocks.turns import Turns

BLOCKS: Mapping[str, Block] = {
    block.name: block
    for block in (
        Surface(),
        Style(),
        Sentiment(),
        Readability(),
        Nearness(),
        Overlap(),
        Agreement(),
        Turns(),
        Instructions(),
        Integrity(),
        Derivation(),
        Relevance(),
        Substance(),
        Coherence(),
        Likelihood(),
        Chinese(),
    )
}
"""In the order that their switches and features have; those of the encoder come last among the features."""
WORDS = Path(__file__).parent / "words"
"""One YAML file a block, there or in a folder inside: what each of its columns is called in words, in all languages."""


def switches() -> dict[str, list[Block]]:
    """Return the blocks by their key in the section features."""
    found: dict[str, list[Block]] = {}
    for block in BLOCKS.values():
        found.setdefault(block.switch, []).append(block)
    return found


def switch_field(blocks: Sequence[Block]) -> tuple[Any, Any]:
    """Return type and default of a switch: true or false, or its block's settings, where null and false are off."""
    settings = next((block.settings for block in blocks if block.settings is not None), None)
    if settings is None:
        return bool, all(block.usual for block in blocks)
    return Annotated[settings | None, BeforeValidator(lambda value: None if value is False else value)], None


def switch_of(name: str) -> str:
    """Return the key in the section features of a block; its name where there is no such block."""
    return BLOCKS[name].switch if name in BLOCKS else name


def group_of(name: str) -> str:
    """Return the group of a block; its name where there is no such block."""
    return BLOCKS[name].group if name in BLOCKS else name


def column_of(block: str, name: str) -> Column | None:
    """Return what a block declares of a column; None where there is no such block or column."""
    declared = BLOCKS[block].declared if block in BLOCKS else ()
    return next((column for column in declared if column.name == name), None)


def groups() -> tuple[str, ...]:
    """Return the groups that columns of the blocks themselves can be in, in the order they are shown."""
    in_order = sorted(BLOCKS.values(), key=lambda block: block.sees == EMBEDDINGS)
    return tuple(
        dict.fromkeys(
            block.group
            for block in in_order
            if any(not column.length and column.of != "prompt" for column in block.declared)
        )
    )
