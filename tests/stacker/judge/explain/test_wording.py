import math
import re
import string

import numpy as np
import pytest
import yaml

from features.blocks import sentiment
from features.blocks.comparison import Agreement, Overlap
from features.blocks.interface import TEXT
from features.blocks.registry import BLOCKS, WORDS
from features.build import FeatureParams, build_features, feature_columns
from features.pairs import EmbeddingReducer, Embeddings, parsed
from pipelines.battles.built_in import sample_battles
from stacker.judge.explain import wording
from stacker.judge.explain.explanation import _joined
from stacker.judge.explain.wording import (
    LANGUAGES,
    about_ties,
    compared,
    favours,
    has_words,
    is_nameless,
    kind_of,
    name_of,
    nameless,
    of_both,
    of_prompt,
)
from stacker.learners.transformer.transformer_trees import logit_pairs

HAN, LATIN_WORD = re.compile("[\u4e00-\u9fff]"), re.compile(r"[A-Za-z]{2,}")
MEASURES = re.compile(
    r"\((?:Flesch|Gunning|Flesch-Kincaid)\)|Flesch-Kincaid|Flesch|Gunning|SMOG|Coleman-Liau|Dale-Chall|Linsear Write|"
    r"Spache|LIX|RIX|EFLAW|ASCII|LaTeX|Transformer|AI"
)
"""What a Chinese text calls by its Latin name too."""


EVERY = FeatureParams(**{name: True for name, field in FeatureParams.model_fields.items() if field.annotation is bool})


class Encoder:
    """Stands for a frozen encoder."""

    name, version, columns = "embedding", "1", ("0", "1", "2")

    def compute(self, texts):
        rows = np.random.default_rng(len(texts)).normal(size=(len(texts), 3)).astype(np.float32)
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def every_feature():
    """Every feature that a learner can see: those of all blocks, reduced embeddings, a transformer's logits."""
    battles = sample_battles(6).battles
    built = build_features(battles, EVERY, encoder_block=Encoder())
    embeddings: Embeddings = built.embeddings
    read = FeatureParams(likelihood="a model that no battle needs")
    names = [
        *built.pairs.names,
        *feature_columns(read).pairs.names,
        *EmbeddingReducer(2, 0).fit(embeddings).transform(embeddings).names,
    ]
    names += logit_pairs(np.zeros((6, 3))).names
    values = dict.fromkeys(names, 0.0)
    return {(name, *_joined(name, values)) for name in names}


def test_every_feature_of_every_block_has_words_in_every_language():
    declared = {(name, column) for name, block in BLOCKS.items() for column in block.columns}
    met = {(parsed(name).block, parsed(name).column) for name, *_ in every_feature()}
    assert declared <= met
    for name, block, column, _ in every_feature():
        assert has_words(block, column), name
    for block, column in declared:
        assert has_words(block, column), (block, column)


def test_nothing_is_worded_that_no_block_computes():
    met = {(block, column) for _, block, column, _ in every_feature()}
    for path in (*wording.FOLDER.glob("*.yaml"), *WORDS.glob("*.yaml")):
        for column in yaml.safe_load(path.read_text(encoding="utf-8")) if path.stem != "sentences" else ():
            assert column == "*" or (path.stem, column) in met, (path.stem, column)


def said(block, column, of, language):
    """Everything that is ever said of a feature."""
    if is_nameless(block, column):
        return [nameless(block, column, of, language)]
    if of == "prompt":
        return [of_prompt(block, column, value, language) for value in (0.0, 1.0, math.nan)]
    if of == "both":
        return [of_both(block, column, value, language) for value in (0.0, 0.5, 1.0, math.nan)]
    pairs = ((0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.0, 0.0), (1.0, 9.0), (math.nan, 1.0), (1.0, math.nan))
    return [compared(block, column, a, b, language) for a, b in (*pairs, (math.nan, math.nan))]


def test_sentences_are_of_one_language_and_name_the_sides():
    for _, block, column, of in every_feature():
        for sentence in said(block, column, of, "en"):
            assert not HAN.search(sentence), sentence
            assert "{" not in sentence and "  " not in sentence
        for sentence in said(block, column, of, "zh-Hant"):
            assert HAN.search(sentence), sentence
            left = MEASURES.sub("", sentence)
            assert not LATIN_WORD.search(left), sentence
            assert not re.search(r"[,;:()](?!\d)", left), sentence  # full-width signs stand among Chinese words
        if of == "answers" and not is_nameless(block, column):
            for language in LANGUAGES:
                assert re.search("[AB]", compared(block, column, 0.0, 1.0, language))
                one, two = compared(block, column, 0.0, 1.0, language), compared(block, column, 1.0, 0.0, language)
                assert one != two, one


def test_no_sentence_speaks_of_a_number_where_a_person_would_speak_of_the_answer():
    for _, block, column, of in every_feature():
        if of == "answers" and not is_nameless(block, column) and kind_of(block, column) == "score":
            assert "has the higher" not in compared(block, column, 0.1, 0.7), column


def test_every_language_has_the_same_sentences_with_the_same_fields():
    def fields(text):
        return {name for _, name, _, _ in string.Formatter().parse(text) if name is not None}

    shared = yaml.safe_load((wording.FOLDER / "sentences.yaml").read_text(encoding="utf-8"))
    assert set(shared) == set(LANGUAGES)
    for kind, sentences in shared["en"].items():
        assert set(shared["zh-Hant"][kind]) == set(sentences)
        for key, text in sentences.items():
            assert fields(str(shared["zh-Hant"][kind][key])) == fields(str(text)), (kind, key)
    for path in (*wording.FOLDER.glob("*.yaml"), *WORDS.glob("*.yaml")):
        for column, entry in yaml.safe_load(path.read_text(encoding="utf-8")).items():
            if path.stem != "sentences":
                assert set(entry) - {"by"} == set(LANGUAGES), (path, column)
                assert entry.get("by", "lowest") in ("lowest", "highest"), (path, column)
                for said in (entry[language] for language in LANGUAGES):
                    assert column == "*" or isinstance(said, str) or "name" in said, (path, column)


@pytest.mark.parametrize(
    ("feature", "a", "b", "english", "chinese"),
    [
        (
            "surface: words", 420, 100,
            "answer A is 320 words longer (A 420, B 100)", "回答 A 多了 320 個字詞（A 420、B 100）",
        ),
        ("surface: words", 1, 2, "answer B is 1 word longer (A 1, B 2)", "回答 B 多了 1 個字詞（A 1、B 2）"),
        (
            "surface: question marks", 0, 3,
            "answer B has more question marks (A 0, B 3)", "回答 B 的問號較多（A 0、B 3）",
        ),
        (
            "surface: digit share", 0.25, 0.5,
            "answer B has more digits for its length (A 25 %, B 50 %)", "回答 B 的數字比例較高（A 25 %、B 50 %）",
        ),
        (
            "surface: commas", 2, 2,
            "the answers have equally many commas (2 each)", "兩個回答的逗號與頓號一樣多（各 2 個）",
        ),
        ("style: opens with a refusal", 0, 1, "only answer B opens with a refusal", "只有回答 B 一開頭就拒絕"),
        (
            "style: ends with an offer", 1, 1,
            "each answer ends with an offer of more help", "兩個回答都在結尾表示願意再幫忙",
        ),
        ("style: ends with a question", 0, 0, "neither answer ends with a question mark", "兩個回答都沒有以問號結尾"),
        (
            "readability: SMOG", 9.5, 3.125,
            "answer A is harder to read (SMOG grade: A 9.50, B 3.12)", "回答 A 較難讀（SMOG 年級：A 9.50、B 3.12）",
        ),
        ("sentiment: last compound", 0.8, -0.2, "answer A ends on a more positive note", "回答 A 結尾的語氣較正面"),
        (
            "sentiment: lowest compound", 0.1, -0.9,
            "the most negative sentence is in answer B", "語氣最負面的句子在回答 B",
        ),
        (
            "sentiment: mean compound", math.nan, 0.5,
            "tone cannot be measured in answer A (it is measured in English sentences only)",
            "語氣只能對英文句子計算，回答 A 不適用",
        ),
        (
            "embedding: cosine with the prompt", 0.67, 0.5,
            "answer A is closer to the question in meaning (similarity: A 0.67, B 0.50)",
            "回答 A 的語意較接近問題（相似度：A 0.67、B 0.50）",
        ),
        (
            "turns: log characters of the last answer", math.log1p(1200), math.log1p(5),
            "answer A is longer in its last turn (characters: A 1,200, B 5)",
            "回答 A 的最後一輪較長（字元：A 1,200、B 5）",
        ),
    ],
)  # fmt: skip
def test_differences_in_words(feature, a, b, english, chinese):
    assert compared(*feature.split(": "), a, b) == english
    assert compared(*feature.split(": "), a, b, "zh-Hant") == chinese


def test_prompts_and_what_both_share():
    assert of_prompt("surface", "words", 12.0) == "words in the question: 12"
    assert of_prompt("surface", "digit share", 0.25) == "share of digits in the question: 25 %"
    assert of_prompt("surface", "words", 12.0, "zh-Hant") == "問題的字詞：12"
    assert of_prompt("readability", "LIX", 40.0, "zh-Hant") == "問題的 LIX 指數：40.00"
    assert of_prompt("readability", "LIX", math.nan).startswith("reading difficulty cannot be measured in the question")
    assert of_prompt("style", "ends with a question", 1.0) == "the question ends with a question mark"
    assert of_prompt("style", "opens with a refusal", 0.0) == "the question does not open with a refusal"
    assert of_prompt("style", "opens with a refusal", 0.0, "zh-Hant") == "問題沒有一開頭就拒絕"
    assert of_both("agreement", "identical", 0.0) == "the answers are not identical"
    assert of_both("agreement", "same script", 1.0) == "the answers are in the same script"
    assert of_both("agreement", "Jaccard of words", 0.25) == "the answers share 25 % of their words"
    assert of_both("agreement", "Jaccard of words", 0.25, "zh-Hant") == "兩個回答共有 25 % 的字詞"


def test_a_logarithm_is_told_as_the_number_itself():
    assert compared("surface", "log words", math.log1p(420), math.log1p(100)).startswith("answer A is 320 words longer")
    assert (kind_of("surface", "log words"), name_of("surface", "log words")) == ("log count", "words")


def test_a_block_that_is_not_worded_goes_by_its_own_names():
    assert not has_words("mine", "puns")
    assert compared("mine", "puns", 1.0, 2.0) == "answer B has the higher puns (A 1.00, B 2.00)"
    assert compared("mine", "log puns", 1.0, 1.0, "zh-Hant") == "兩個回答的 puns 一樣多（各 2 個）"


def test_which_side_and_how_much():
    assert favours(0.421) == "favours A by 0.42" and favours(-1.0) == "favours B by 1.00"
    assert favours(0.001) == "favours neither side"
    assert about_ties(0.2) == "makes a tie more likely by 0.20" and about_ties(-0.2).startswith("makes a tie less")
    assert about_ties(0.0) == "leaves the tie as it is"


def test_the_kind_of_every_column_fits_its_numbers():
    texts = [
        "I'm sorry, I cannot say. " * 3,
        "# Title\n- one\n- two\n```\ncode\n```\n| a | b |\nGreat question! What is 2 + 2?",
        "The river is 12 km long, I think; however, it is not wide.\n\nYou may ask me more?",
        "",
    ]
    rows = {name: (block.columns, block.compute(texts)) for name, block in BLOCKS.items() if block.sees == TEXT}
    rows["overlap"] = (Overlap.columns, Overlap().compute(texts, texts[::-1]))
    rows["agreement"] = (Agreement.columns, Agreement().compute(texts, texts[::-1]))
    for block, (columns, values) in rows.items():
        for column, seen in zip(columns, values.T, strict=True):
            seen = seen[np.isfinite(seen)]
            kind = kind_of(block, column)
            if kind == "flag":
                assert np.isin(seen, (0, 1)).all(), (block, column)
            elif kind == "share":
                assert ((seen >= 0) & (seen <= 1)).all(), (block, column)
            elif kind == "count":
                assert (seen >= 0).all() and (seen == np.round(seen)).all(), (block, column)
            elif kind == "log count":
                assert np.allclose(np.expm1(seen), np.round(np.expm1(seen)), atol=1e-2), (block, column)


DOUBLED = re.compile(
    r"share of (?:the )?(?:\w+ )?share|(?:many|more) (?:number|share)\b|number of number|比例比例|數一樣多|數較多|"
    r"\bnot? .*\bwithout|: (?:yes|no)$|回答(?: [AB])? ?的[^，：（「」]*的|問題的[^，：（「」]*的|都結尾|"
    r"does not \w+s\b|[\u4e00-\u9fff][A-Za-z0-9]|[A-Za-z0-9%][\u4e00-\u9fff]|\) \(|）（|（各 [\d,]+）|句點|"
    r"same (?:words|syllables) per"
)
"""What parts that do not fit each other come to."""


def test_no_sentence_is_put_together_of_parts_that_do_not_fit():
    for _, block, column, of in every_feature():
        for language in LANGUAGES:
            # What the turns of a question are, and those of answers, may one day be said of either.
            kinds = ("answers", "prompt") if block == "turns" else (of,)
            for sentence in (each for kind in kinds for each in said(block, column, kind, language)):
                assert not DOUBLED.search(sentence), (block, column, sentence)


@pytest.mark.parametrize("language", LANGUAGES)
def test_two_numbers_that_differ_are_never_written_alike(language):
    for feature, a, b in (
        ("surface: digit share", 0.0, 0.001),
        ("surface: digit share", 0.0031, 0.0034),
        ("surface: punctuation share", 0.999, 1.0),
        ("embedding: cosine with the prompt", 0.8312, 0.8341),
        ("readability: LIX", 41.00001, 41.00002),
        ("readability: Flesch reading ease", -0.001, 0.001),
    ):
        for one, two in ((a, b), (b, a)):
            sentence = compared(*feature.split(": "), one, two, language)
            found = re.search(r"A (-?[\d.]+(?: %)?)[,、] ?B (-?[\d.]+(?: %)?)", sentence)
            assert found is not None and found[1] != found[2], sentence
            assert one == 0 or float(found[1].removesuffix(" %")) != 0, sentence
    assert "A 0.0 %" in compared("surface", "digit share", 0.0, 0.001)
    assert of_both("agreement", "Jaccard of words", 0.998) == "the answers share 99.8 % of their words"


def test_what_differs_by_less_than_is_ever_written_is_the_same():
    told = compared("embedding", "cosine with the prompt", 0.5, 0.5 + 1e-9)
    assert told == "the answers are equally close to the question in meaning (similarity: 0.50)"
    assert compared("surface", "digit share", -0.0, 1e-12).startswith("the answers have the same share of digits")


@pytest.mark.parametrize(
    ("column", "a", "b", "english", "chinese"),
    [
        ("lowest compound", 0.4, 0.2, "the least positive sentence is in answer B", "語氣最不正面的句子在回答 B"),
        ("lowest compound", 0.4, -0.2, "the most negative sentence is in answer B", "語氣最負面的句子在回答 B"),
        ("lowest compound", 0.2, 0.2, "no sentence of either answer is negative", "兩個回答都沒有負面的句子"),
        ("highest compound", -0.4, -0.2, "the least negative sentence is in answer B", "語氣最不負面的句子在回答 B"),
        ("highest compound", -0.4, 0.2, "the most positive sentence is in answer B", "語氣最正面的句子在回答 B"),
        ("highest compound", 0.0, 0.0, "no sentence of either answer is positive", "兩個回答都沒有正面的句子"),
        ("mean compound", -0.8, -0.3, "answer B is less negative on the whole", "回答 B 整體的語氣較不負面"),
        ("mean compound", 0.0, 0.0, "the answers are equally neutral on the whole", "兩個回答整體的語氣一樣中性"),
        (
            "first compound", -0.5, -0.5,
            "the answers begin on an equally negative note", "兩個回答開頭的語氣一樣負面",
        ),
        ("last compound", 0.5, 0.6, "answer B ends on a more positive note", "回答 B 結尾的語氣較正面"),
    ],
)  # fmt: skip
def test_a_tone_is_called_by_its_sign(column, a, b, english, chinese):
    assert compared("sentiment", column, a, b) == english
    assert compared("sentiment", column, a, b, "zh-Hant") == chinese


def test_a_tone_is_positive_from_where_its_block_counts_positive_sentences():
    assert sentiment._TONE == wording.TONE


def test_what_cannot_be_measured_is_said_truly_of_an_empty_answer_and_of_a_number():
    for text in ("", "42"):
        for block in ("readability", "sentiment"):
            assert np.isnan(BLOCKS[block].compute([text])).all()
            told = compared(block, BLOCKS[block].columns[0], math.nan, 1.0)
            assert told.endswith("cannot be measured in answer A (it is measured in English sentences only)")


def test_a_share_of_words_is_not_told_as_their_number():
    for block in ("readability", "sentiment", "surface", "style", "overlap"):
        for column in {column for _, name, column, of in every_feature() if name == block and of == "answers"}:
            if kind_of(block, column) == "share":
                assert "uses more" not in compared(block, column, 0.1, 0.2), column
                assert "用了較多" not in compared(block, column, 0.1, 0.2, "zh-Hant"), column
                assert not compared(block, column, 0.1, 0.2).startswith("more of"), column


def test_how_a_text_ends_is_said_truly_where_it_ends_with_any_sign():
    column = "ends without a stop"
    values = BLOCKS["style"].compute(["Yes:", "", "`x`", "Yes!", "Yes"])
    assert values[:, BLOCKS["style"].columns.index(column)].tolist() == [0, 0, 0, 0, 1]
    assert compared("style", column, 0.0, 0.0) == "neither answer ends on a bare word or a comma"
    assert compared("style", column, 0.0, 0.0, "zh-Hant") == "兩個回答都沒有以文字或逗號結尾"
    assert compared("style", column, 1.0, 1.0) == "both answers end without a full stop"
    assert compared("style", column, 1.0, 1.0, "zh-Hant") == "兩個回答的結尾都缺少句號"


def test_what_is_unknown_of_a_block_of_ones_own():
    assert compared("style", "headers", math.nan, 1.0, "zh-Hant") == "無法判斷回答 A 的「標題」"
    assert compared("style", "ends with a question", 1.0, math.nan) == (
        "it cannot be told whether answer B ends with a question mark"
    )
