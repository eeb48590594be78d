"""The block of how probable an answer is to a causal language model on this disk, after its question and without it."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from features.blocks.interface import LANGUAGE_MODEL, Block, ComputesRows
from features.blocks.likelihood.likelihood_params import LikelihoodParams
from features.blocks.likelihood.likelihood_profile import COLUMNS

if TYPE_CHECKING:
    from features.blocks.likelihood.likelihood_reader import LikelihoodReader


class Likelihood(Block):
    """Log probabilities of an answer's tokens by a causal language model; it reads by the one that `opened` opens."""

    name = "likelihood"
    sees = LANGUAGE_MODEL
    declared = COLUMNS
    usual = False
    settings = LikelihoodParams

    def opened(self, settings: Any, threads: int) -> ComputesRows:
        """Return the block that reads by the model of the settings."""
        reader = _opened(settings, _state(settings.folder))
        reader.threads = threads
        return reader


@lru_cache(maxsize=1)
def _opened(settings: LikelihoodParams, state: Any) -> "LikelihoodReader":
    """Keep the model that was opened last: a judge asks for each battle."""
    from features.blocks.likelihood.likelihood_reader import LikelihoodReader

    return LikelihoodReader(settings)


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Return what tells that the files of a folder were changed."""
    found = ((path.name, path.stat()) for path in sorted(folder.iterdir()) if path.is_file())
    return tuple((name, stat.st_mtime_ns, stat.st_size) for name, stat in found)
