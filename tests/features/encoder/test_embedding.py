"""The frozen encoder's block: unit length, each text by itself, bitwise, head and tail of long texts."""

import numpy as np
import pytest
from checkpoints import ARCHITECTURES, SENTENCES
from hypothesis import given, settings
from hypothesis import strategies as st

from features.encoder.choice import EncoderParams, resolve
from features.encoder.embedding import EmbeddingBlock
from features.encoder.tokens import head_and_tail
from pipelines.errors import UserError


def block_of(name, threads=2, **settings):
    return EmbeddingBlock(resolve(str(name), None), EncoderParams(**settings), threads)


@pytest.fixture(scope="module")
def block():
    return block_of("builtin", max_tokens=64)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_rows_are_of_unit_length_whatever_the_architecture(tiny_checkpoint, architecture):
    block = block_of(tiny_checkpoint(architecture))
    rows = block.compute(SENTENCES)
    assert rows.shape == (len(SENTENCES), len(block.columns)) == (len(SENTENCES), 32)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(np.linalg.norm(rows, axis=1), 1, atol=1e-5)


def test_rows_do_not_depend_on_other_texts_or_threads_to_the_bit(block):
    texts = [*SENTENCES, "word " * 500, ""]
    together = block.compute(texts)
    alone = np.concatenate([block_of("builtin", 1, max_tokens=64).compute([text]) for text in texts[-3:]])
    assert np.array_equal(together[-3:], alone)
    assert np.array_equal(together[::-1], block.compute(texts[::-1]))


def test_embeddings_are_those_of_sentence_transformers(block):
    from sentence_transformers import SentenceTransformer

    from pipelines.models.model_files import builtin_folder

    expected = SentenceTransformer(str(builtin_folder()), device="cpu").encode(list(SENTENCES), batch_size=1)
    np.testing.assert_allclose(block.compute(SENTENCES), expected, atol=1e-5)


def test_near_texts_are_nearer(block):
    rows = block.compute(["The cat sat on the mat.", "A cat is sitting on a rug.", "Stock prices fell sharply."])
    assert rows[0] @ rows[1] > rows[0] @ rows[2] + 0.3


def test_no_text_no_row(block):
    assert block.compute([]).shape == (0, 384)


def test_lone_surrogates_and_written_special_tokens_are_text(block):
    ids = block.token_ids(["\ud83d [SEP] [CLS]"])[0]
    before, after = block._tokens.frame
    assert ids[: len(before)] == before
    assert not set(before + after) & set(ids[len(before) : len(ids) - len(after)])


def test_long_texts_keep_head_and_tail(block):
    long = block.token_ids(["first " + "filler " * 400 + "last"])[0]
    assert len(long) == 64
    assert long[1] == block.token_ids(["first"])[0][1]
    assert long[-2] == block.token_ids(["last"])[0][1]


@given(st.lists(st.integers(), max_size=50), st.integers(0, 40), st.floats(0, 1))
@settings(deadline=None)
def test_head_and_tail_fills_the_room(ids, room, share):
    found, cut = head_and_tail(ids, room, share)
    assert cut == max(len(ids) - room, 0)
    assert len(found) == min(len(ids), room)
    head = min(round(room * share), room) if len(ids) > room else len(ids)
    assert found[:head] == ids[:head]


def test_the_version_names_all_that_a_row_depends_on(tiny_checkpoint):
    versions = {
        block_of(tiny_checkpoint("bert")).version,
        block_of(tiny_checkpoint("bert"), max_tokens=100).version,
        block_of(tiny_checkpoint("bert"), head_share=0.6).version,
        block_of(tiny_checkpoint("distilbert")).version,
    }
    assert len(versions) == 4
    assert block_of(tiny_checkpoint("bert"), threads=1).version in versions


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"max_tokens": 600}, "max_tokens 600: .* has positions for 512; lower it"),
        ({"precision": "bf16", "device": "cpu"}, "precision bf16: is for a GPU and there is none in use"),
    ],
)
def test_settings_that_do_not_fit_are_said_in_one_sentence(tiny_checkpoint, wrong, sentence):
    with pytest.raises(UserError, match=sentence):
        block_of(tiny_checkpoint("bert"), **wrong)
