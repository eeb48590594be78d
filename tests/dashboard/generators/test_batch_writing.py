"""Answers written together are those that each would be alone, and each ends as it should."""

from types import SimpleNamespace
from typing import Any

import pytest
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

from dashboard.generators.batch_writing import NO_REPEAT, SPARE, BatchWriter, WritingJob, _repeats
from dashboard.generators.conversation import chat_messages
from dashboard.generators.generator import StyleParams
from dashboard.generators.read_prefixes import ReadPrefixes


@pytest.fixture(scope="module")
def parts() -> tuple[Any, Any]:
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Tokenizer(models.BPE({sign: place for place, sign in enumerate(["<end>", *signs])}, []))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>", pad_token="<end>")
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(signs) + 1,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        eos_token_id=None,
        bos_token_id=None,
        pad_token_id=0,
    )
    model = LlamaForCausalLM(config).eval()
    return tokenizer, model


def job(number: int, text: str, tokens: int = 12, temperature: float = 0.0) -> WritingJob:
    return WritingJob(number, [{"role": "user", "content": text}], tokens, temperature)


def chosen_ids(writer: BatchWriter, steps: int) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    writer._ends = set()  # random weights end anywhere
    for _ in range(steps):
        writer.step()
        for row in writer._rows:
            found[row.job.number] = list(row.ids)
    return found


def test_answers_that_join_and_leave_are_those_that_each_would_be_alone(parts: tuple[Any, Any]) -> None:
    alone = {}
    for number, text in enumerate(("Why?", "A much longer question than that", "Hm"), 1):
        writer = BatchWriter(*parts)
        writer.add([job(number, text, 60)])
        alone |= chosen_ids(writer, 20)
    writer = BatchWriter(*parts)
    writer.add([job(1, "Why?", 60), job(2, "A much longer question than that", 60)])
    chosen_ids(writer, 4)
    writer.add([job(3, "Hm", 60)])
    chosen_ids(writer, 4)
    writer.drop([2])
    assert len(writer) == 2
    found = chosen_ids(writer, 10)
    assert found[1] == alone[1][: len(found[1])]
    assert len(found[1]) == 18
    assert found[3] == alone[3][: len(found[3])]
    assert len(found[3]) == 14
    writer.drop([1, 3, 99])
    assert writer.step() == []


def written(parts: tuple[Any, Any], text: str, tokens: int, monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, str]]:
    """Have the writer write a text of one sign a token, and return what it tells."""
    tokenizer, model = parts
    signs = tokenizer(text)["input_ids"]
    place = iter([*signs, *[tokenizer("x")["input_ids"][0]] * 200])
    writer = BatchWriter(tokenizer, model)
    monkeypatch.setattr(writer, "_chosen", lambda row, logits: next(place))
    writer.add([job(1, "Why?", tokens)])
    told = []
    while len(writer):
        told += [(each.text, each.ended) for each in writer.step()]
    return told


def test_beyond_the_limit_it_ends_with_the_sentence(parts: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    told = written(parts, "One two. Three four. Five", 12, monkeypatch)
    assert "".join(text for text, _ in told) == "One two. Three four."
    assert told[-1][1] == "length"


def test_a_sentence_without_end_is_left_out_or_ended_where_there_is_no_other(
    parts: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = written(parts, "One. And so on and on and on", 8, monkeypatch)
    assert "".join(text for text, _ in told).startswith("One. An")
    assert len("".join(text for text, _ in told)) < 9
    endless = written(parts, "and so on", 8, monkeypatch)
    assert len("".join(text for text, _ in endless)) == 8 + SPARE
    assert endless[-1][1] == "length"


def test_any_special_token_ends_it(parts: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer, model = parts
    writer = BatchWriter(tokenizer, model)
    monkeypatch.setattr(writer, "_chosen", lambda row, logits: tokenizer.eos_token_id)
    writer.add([job(1, "Why?")])
    assert [(each.text, each.ended) for each in writer.step()] == [("", "stop")]
    assert len(writer) == 0


def test_a_sign_of_several_tokens_is_told_whole(parts: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    told = written(parts, "a雨b.", 4, monkeypatch)
    assert all("\ufffd" not in text for text, _ in told)
    assert "".join(text for text, _ in told) == "a雨b."


def test_what_would_repeat_six_tokens_is_banned() -> None:
    assert NO_REPEAT == 6
    assert _repeats([1, 2, 3, 4, 5, 6, 1, 2, 3, 4, 5]) == [6]
    assert _repeats([1, 2, 3, 4, 5]) == []
    assert _repeats([1, 1, 1, 1, 1, 1]) == [1]


def test_draws_with_a_seed_are_the_same_and_repetition_is_held_down(parts: tuple[Any, Any]) -> None:
    texts = []
    for _ in range(2):
        writer = BatchWriter(*parts, seed=3)
        writer.add([job(1, "Why?", 60, 0.8)])
        texts.append(chosen_ids(writer, 15)[1])
    assert texts[0] == texts[1]
    row = SimpleNamespace(ids=[5], job=job(1, ""))
    logits = torch.zeros(10)
    logits[5], logits[6] = 1.0, 0.95
    assert BatchWriter(*parts)._chosen(row, logits) == 6  # type: ignore[arg-type]


def test_a_conversation_that_is_too_long_loses_its_earliest_turns_and_keeps_the_system_prompt(
    parts: tuple[Any, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("dashboard.generators.batch_writing.MOST_PROMPT", 40)
    style = StyleParams(name="one", system_prompt="Be kind.")
    chat = chat_messages("And now?", style, [("Why? " * 9, "So. " * 9), ("And then?", "That.")])
    assert [each["role"] for each in chat] == ["system", "user", "assistant", "user", "assistant", "user"]
    read = parts[0].decode(BatchWriter(*parts)._prompt(WritingJob(1, chat, 9, 0.0)))
    assert read == "Be kind.\n\nAnd then?\n\nThat.\n\nAnd now?\n\n"


def test_what_was_read_before_is_not_read_again_and_the_answer_is_the_same(parts: tuple[Any, Any]) -> None:
    question = "What was said before, at some length?"
    follows = [*job(1, question).messages, {"role": "assistant", "content": "x"}, {"role": "user", "content": "And?"}]
    alone = BatchWriter(*parts)
    alone.add([WritingJob(1, follows, 60, 0.0)])
    expected = chosen_ids(alone, 12)[1]
    writer = BatchWriter(*parts)
    writer.add([job(1, question, 60), job(2, "Hm", 60)])
    chosen_ids(writer, 5)
    writer.drop([1])
    read: list[int] = []
    passed = writer._pass
    writer._pass = lambda ids, *rest: (read.append(ids.shape[1]), passed(ids, *rest))[1]  # type: ignore[method-assign]
    writer.add([WritingJob(3, follows, 60, 0.0)])
    assert read == [len(writer._rows[-1].prompt) - len(question) - 2]
    assert chosen_ids(writer, 12)[3] == expected
    writer.drop([2, 3])
    writer.add([WritingJob(4, follows, 60, 0.0)])  # the same again: only its last token is read
    assert read[-1] == 1
    assert chosen_ids(writer, 12)[4] == expected


def test_what_is_kept_of_texts_has_a_bound(parts: tuple[Any, Any]) -> None:
    writer = BatchWriter(*parts)
    writer._read = ReadPrefixes(100)
    for number in range(6):
        writer.add([job(number, f"{number} {'long ' * 8}", 60)])
        writer.step()
        writer.drop([number])
        assert sum(len(each.ids) for each in writer._read._kept) <= 100
    assert len(writer._read) == 2
    writer.add([job(9, "x" * 200, 60)])
    writer.drop([9])
    assert len(writer._read) == 2
