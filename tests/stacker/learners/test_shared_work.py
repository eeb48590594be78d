import numpy as np
import pandas as pd

from features.pairs import Embeddings, shared
from stacker.learners.learner_interface import LearnerData, SharedWork, fitted_reducer


def battles(n: int, share: bool) -> LearnerData:
    rng = np.random.default_rng(3)
    texts = pd.DataFrame({name: [("x",)] * n for name in ("prompt", "response_a", "response_b")})
    rows = [rng.normal(size=(n, 12)).astype(np.float32) for _ in range(3)]
    pairs = shared("", (), np.zeros((n, 0), dtype=np.float32))
    return LearnerData(texts, pairs, Embeddings(*rows), SharedWork(texts) if share else None)


def test_what_is_shared_is_made_once_by_its_key():
    work, made = SharedWork(pd.DataFrame()), []

    def make(_: pd.DataFrame) -> int:
        made.append(1)
        return len(made)

    assert [work.of("a", make), work.of("a", make), work.of("b", make)] == [1, 1, 2]
    work.forget()
    assert work.of("a", make) == 3


def test_only_fits_on_the_same_rows_share_directions():
    data = battles(40, share=True)
    first, second = np.arange(30), np.arange(10, 40)
    one = fitted_reducer(data.take(first), 4, 0)
    assert fitted_reducer(data.take(first), 4, 0) is one
    for other in (fitted_reducer(data.take(second), 4, 0), fitted_reducer(data.take(first), 3, 0)):
        assert other is not one
    assert fitted_reducer(data.take(first), 4, 1) is not one
    alone = fitted_reducer(battles(40, share=False).take(first), 4, 0)
    np.testing.assert_array_equal(alone.difference_, one.difference_)
    np.testing.assert_array_equal(alone.prompt_, one.prompt_)
