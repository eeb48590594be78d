"""Battles in, features out: runs each switched-on block once per distinct text and builds the pair features."""

from dataclasses import dataclass

from features.pairs import Embeddings, PairMatrix


@dataclass(frozen=True)
class BattleFeatures:
    """Features of n battles: the unfitted pair features, and the frozen embeddings where that block is on."""

    pairs: PairMatrix
    embeddings: Embeddings | None
