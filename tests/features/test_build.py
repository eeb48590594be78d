from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from travelling_tasks import TravellingTasks

from features.build import BattleFeatures, FeatureParams, build_features
from features.cache import BlockCache
from features.encoder.choice import EncoderParams, resolve
from features.encoder.embedding import EmbeddingBlock
from features.encoder.engines.conversion import Copies
from pipelines.battles.arrays import Floats32

ANY_TEXT = st.text(st.characters(codec=None), max_size=60)
TURNS = st.lists(ANY_TEXT, min_size=1, max_size=3).map(tuple)

EVERY = FeatureParams(**{name: True for name, field in FeatureParams.model_fields.items() if field.annotation is bool})


class Letters:
    """A stand-in encoder: unit rows from the counts of a few letters, and a count of the texts it was given."""

    name = "embedding"
    version = "letters"
    columns: tuple[str, ...] = ("a", "e", "o", "other")

    def __init__(self) -> None:
        self.seen = 0

    def compute(self, texts: list[str]) -> Floats32:
        self.seen += len(texts)
        counts = np.array([[1 + t.count("a"), t.count("e"), t.count("o"), len(t)] for t in texts], dtype=np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)


def table(rows: list[tuple[tuple[str, ...], tuple[str, ...], tuple[str, ...]]]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=["prompt", "response_a", "response_b"])


def battles(n: int, start: int = 0) -> pd.DataFrame:
    return table(
        [
            (
                (f"What is {i} plus one?",),
                (f"The answer is {i + 1}. I hope this helps!",),
                (f"I'm sorry, as an AI I cannot add {i}.", "Great question! " * (i % 4)),
            )
            for i in range(start, start + n)
        ]
    )


def same(one: BattleFeatures, other: BattleFeatures) -> None:
    assert one.pairs.names == other.pairs.names
    assert one.pairs.values.tobytes() == other.pairs.values.tobytes()


@given(st.lists(st.tuples(TURNS, TURNS, TURNS), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_swapping_the_sides_flips_every_feature_exactly(rows):
    frame = table(rows)
    swapped = frame.rename(columns={"response_a": "response_b", "response_b": "response_a"})
    straight = build_features(frame, EVERY, encoder_block=Letters())
    flipped = build_features(swapped, EVERY, encoder_block=Letters())
    assert straight.pairs.flip().values.tobytes() == flipped.pairs.values.tobytes()
    np.testing.assert_array_equal(straight.embeddings.flip().a, flipped.embeddings.a)


@given(st.lists(st.tuples(TURNS, TURNS, TURNS), min_size=2, max_size=5), st.randoms(use_true_random=False))
@settings(max_examples=40, deadline=None)
def test_a_row_does_not_depend_on_the_rows_around_it(rows, random):
    frame = table(rows)
    whole = build_features(frame, EVERY).pairs.values
    order = list(range(len(rows)))
    random.shuffle(order)
    shuffled = build_features(frame.iloc[order], EVERY).pairs.values
    assert whole[order].tobytes() == shuffled.tobytes()
    alone = build_features(frame.iloc[[order[0]]], EVERY).pairs.values
    assert whole[order[0]].tobytes() == alone[0].tobytes()


def test_each_feature_describes_the_side_it_names():
    frame = table([(("Say three words.",), ("one two three",), ("four five six seven",))])
    pairs = build_features(frame, EVERY).pairs
    value = dict(zip(pairs.names, pairs.values[0].tolist(), strict=True))
    assert value["surface: words (A)"] == 3
    assert value["surface: words (B)"] == 4
    assert value["surface: words (A - B)"] == -1
    assert value["surface: words (|A - B|)"] == 1
    assert value["surface: words (prompt)"] == 3
    assert len(set(pairs.names)) == len(pairs.names)


@pytest.mark.parametrize("block", sorted(FeatureParams.model_fields))
def test_a_block_switched_off_leaves_no_column(block):
    features = build_features(battles(2), FeatureParams(**{block: False}), encoder_block=Letters())
    assert not [name for name in features.pairs.names if name.startswith(f"{block}:")]
    assert (features.embeddings is None) == (block == "embedding")


def test_with_every_block_off_there_are_rows_without_columns():
    off = FeatureParams(**dict.fromkeys(FeatureParams.model_fields, False))
    assert build_features(battles(3), off).pairs.values.shape == (3, 0)


def test_no_battles_give_no_rows():
    assert len(build_features(battles(0), EVERY, encoder_block=Letters()).pairs) == 0


def test_a_second_run_computes_nothing_and_more_rows_only_themselves(tmp_path: Path):
    cache, encoder = BlockCache(tmp_path), Letters()
    first = build_features(battles(20), EVERY, encoder_block=encoder, cache=cache)
    assert encoder.seen == 20 * 3
    steps: list[tuple[str, int, int]] = []
    again = build_features(
        battles(20), EVERY, encoder_block=encoder, cache=cache, progress=lambda *step: steps.append(step)
    )
    assert encoder.seen == 60 and all(done == total for _, done, total in steps)
    same(first, again)
    build_features(battles(22), EVERY, encoder_block=encoder, cache=cache)
    assert encoder.seen == 66
    same(build_features(battles(20), EVERY, encoder_block=Letters()), first)


def test_processes_give_the_same_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    monkeypatch.setattr("features.parallel.HELP_PAYS_FROM_S", -1)
    monkeypatch.setattr("features.parallel.CHUNK_TEXTS", 5)
    frame = battles(30)
    frame.at[3, "response_a"] = ("lone \ud800 surrogate",)
    steps: list[tuple[str, int, int]] = []
    here = build_features(frame, EVERY, threads=1)
    there = build_features(
        frame, EVERY, threads=2, cache=BlockCache(tmp_path), progress=lambda *step: steps.append(step)
    )
    same(here, there)
    for stage in {stage for stage, _, _ in steps}:
        done = [done for name, done, _ in steps if name == stage]
        assert done == sorted(done) and done[-1] == next(total for name, _, total in steps if name == stage)


def test_texts_counted_and_embedded_elsewhere_have_the_same_rows(tiny_checkpoint, monkeypatch):
    # As on a cluster: what travels is pickled, and results come in another order than the work.
    for module in ("features.build", "features.parallel"):
        monkeypatch.setattr(f"{module}.PAYS_FROM", 0)
    monkeypatch.setattr("features.build.ENCODER_CHUNK", 7)
    monkeypatch.setattr("features.parallel.CHUNK_TEXTS", 5)
    params, tasks = FeatureParams(), TravellingTasks()
    block = EmbeddingBlock(resolve(str(tiny_checkpoint("bert")), None), EncoderParams(max_tokens=16), 1)
    here, there = (build_features(battles(12), params, encoder_block=block, tasks=each) for each in (None, tasks))
    same(here, there)
    assert here.embeddings is not None and there.embeddings is not None
    for side in ("prompt", "a", "b"):
        assert getattr(here.embeddings, side).tobytes() == getattr(there.embeddings, side).tobytes()
    assert {task.work.__name__ for task in tasks.done} == {"computed", "_embedded"} and len(tasks.done) > 20


def test_a_copy_converted_here_embeds_elsewhere_and_none_is_converted_there(tiny_checkpoint, tmp_path, monkeypatch):
    pytest.importorskip("openvino")
    monkeypatch.setattr("features.build.PAYS_FROM", 0)
    monkeypatch.setattr("features.build.ENCODER_CHUNK", 7)
    params = EncoderParams(max_tokens=16, engine="openvino", precision="fp32", models_dir=tmp_path / "models")
    block = EmbeddingBlock(resolve(str(tiny_checkpoint("bert")), None, params.models_dir), params, 1)
    here = build_features(battles(12), FeatureParams(), encoder_block=block)
    monkeypatch.setattr(Copies, "_convert", None)
    (tmp_path / "node").mkdir()
    monkeypatch.chdir(tmp_path / "node")
    tasks = TravellingTasks()
    there = build_features(battles(12), FeatureParams(), encoder_block=block, tasks=tasks)
    assert here.embeddings is not None and there.embeddings is not None
    assert here.embeddings.a.tobytes() == there.embeddings.a.tobytes()
    assert "_embedded" in {task.work.__name__ for task in tasks.done}
    assert [path.is_symlink() for path in (tmp_path / "node" / "models" / ".converted").glob("*/*")] == [True]
