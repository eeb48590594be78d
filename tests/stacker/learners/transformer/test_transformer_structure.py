"""Structured input: budgets, marks, parts and special tokens by each tokenizer's own rules; what is cut is counted."""

import pandas as pd
import pytest
from checkpoints import ARCHITECTURES
from hypothesis import given, settings
from hypothesis import strategies as st

from features.encoder.tokens import head_and_tail
from pipelines.errors import UserError
from stacker.learners.transformer.network.structure import FIRST, PROMPT, SECOND, Structure, fit_turns
from stacker.learners.transformer.params import TransformerParams
from stacker.learners.transformer.stored import open_checkpoint

GAP, BETWEEN = [-1], [-2]
turns = st.lists(st.lists(st.integers(0, 99), max_size=30), max_size=6)


def test_head_and_tail_of_a_long_text():
    assert head_and_tail(list(range(10)), 6, 0.6, GAP) == ([0, 1, 2, -1, 8, 9], 5)


def test_a_budget_too_small_for_the_mark_keeps_text():
    assert head_and_tail(list(range(10)), 2, 0.5, GAP) == ([0, 9], 8)
    assert head_and_tail(list(range(10)), 0, 0.5, GAP) == ([], 10)


def test_the_last_turns_are_kept_first():
    found, cut = fit_turns([[1] * 10, [2] * 10, [3] * 3], 10, 0.5, GAP, BETWEEN)
    assert found == [2, 2, -1, 2, 2, 2, -2, 3, 3, 3]
    assert cut == 10 + 5


@given(turns, st.integers(1, 60), st.floats(0, 1))
@settings(deadline=None)
def test_turns_fit_and_what_is_cut_is_counted(texts, budget, share):
    found, cut = fit_turns(texts, budget, share, GAP, BETWEEN)
    assert len(found) <= budget
    assert sum(token >= 0 for token in found) + cut == sum(map(len, texts))


@given(turns)
@settings(deadline=None)
def test_what_fits_is_kept_whole(texts):
    found, cut = fit_turns(texts, 1000, 0.5, GAP, BETWEEN)
    assert cut == 0
    assert [token for token in found if token >= 0] == [token for turn in texts for token in turn]


def structure_of(tiny_checkpoint, architecture, **settings):
    checkpoint = open_checkpoint(tiny_checkpoint(architecture), architecture)
    return Structure(checkpoint.tokenizer, TransformerParams(**settings), checkpoint.positions)


def texts_of(prompt=("Which answer is better?",), a=("The first one.",), b=("No, the second one is.",)):
    return pd.DataFrame({"prompt": [prompt], "response_a": [a], "response_b": [b]})


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("head", ["pairwise", "joint"])
def test_sequences_keep_each_tokenizers_own_frame(tiny_checkpoint, architecture, head):
    structure = structure_of(tiny_checkpoint, architecture, head=head, lengths=False)
    tokenizer = structure.tokenizer
    item = structure.battles(texts_of()).items[0]
    own = tokenizer("x", "y")["input_ids"]
    assert item.ids[0] == own[0]
    assert item.ids[-1] == own[-1]
    answers = 1 if head == "pairwise" else 2
    plain = tokenizer("x", add_special_tokens=False)["input_ids"], tokenizer("y", add_special_tokens=False)["input_ids"]
    marks = len(own) - len(plain[0]) - len(plain[1])
    middle = marks - len(structure.prefix) - len(structure.suffix)
    assert sum(item.parts == 0) == len(structure.prefix) + answers * middle + len(structure.suffix)
    wanted = {PROMPT, FIRST} if head == "pairwise" else {PROMPT, FIRST, SECOND}
    assert set(item.parts.tolist()) == wanted | {0}
    types = tokenizer("x", "y").get("token_type_ids")
    assert item.types.max() == (max(types) if types else 0)


def test_the_text_of_a_special_token_is_text(tiny_checkpoint):
    structure = structure_of(tiny_checkpoint, "bert")
    tokenizer = structure.tokenizer
    ids = structure.tokens(["[SEP] is [CLS]"])[0]
    assert not {tokenizer.sep_token_id, tokenizer.cls_token_id} & set(ids)


def test_lone_surrogates_and_empty_texts_are_read(tiny_checkpoint):
    structure = structure_of(tiny_checkpoint, "roberta")
    battles = structure.battles(texts_of(("\ud83d",), (), ("",)))
    assert len(battles.items) == 1  # both answers are the same to a reader
    assert battles.places.tolist() == [[0, 0]]


def test_lengths_are_marked_in_the_text_and_given_to_the_head(tiny_checkpoint):
    with_lengths = structure_of(tiny_checkpoint, "bert")
    without = structure_of(tiny_checkpoint, "bert", lengths=False)
    one, other = with_lengths.battles(texts_of()).items[0], without.battles(texts_of()).items[0]
    assert len(one) > len(other)
    assert one.lengths.shape == (4,)
    assert other.lengths.shape == (0,)


def test_cuts_are_counted(tiny_checkpoint):
    structure = structure_of(tiny_checkpoint, "bert", prompt_tokens=4, answer_tokens=500 - 30)
    structure.battles(texts_of())
    found = structure.cut
    assert found["prompt"]["cut_texts"] == 1
    assert found["prompt"]["cut_tokens"] == found["prompt"]["tokens"] - 3  # one of the four is the mark of the gap
    assert found["answer"] == {"texts": 2, "cut_texts": 0, "tokens": found["answer"]["tokens"], "cut_tokens": 0}


@pytest.mark.parametrize("architecture", ["bert", "roberta"])
def test_no_sequence_is_longer_than_the_model(tiny_checkpoint, architecture):
    structure = structure_of(tiny_checkpoint, architecture, prompt_tokens=100, answer_tokens=300)
    items = structure.battles(texts_of(("word " * 900,), ("text " * 900,), ("answer " * 900,))).items
    assert max(map(len, items)) <= structure.longest <= 512


def test_budgets_beyond_the_positions_are_refused_in_one_sentence(tiny_checkpoint):
    with pytest.raises(UserError, match=r"need \d+ positions but the model has 512; lower them"):
        structure_of(tiny_checkpoint, "bert", head="joint", answer_tokens=400)


def test_swapping_the_sides_gives_the_same_sequences(tiny_checkpoint):
    for head in ("pairwise", "joint"):
        structure = structure_of(tiny_checkpoint, "bert", head=head)
        straight = structure.battles(texts_of())
        swapped = structure.battles(texts_of(a=("No, the second one is.",), b=("The first one.",)))
        assert [item.key for item in straight.items] == [item.key for item in swapped.items]
        assert straight.places.tolist() == swapped.places[:, ::-1].tolist()
