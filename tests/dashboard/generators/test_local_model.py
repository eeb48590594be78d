"""A model folder of two thousand random weights answers nonsense, but by the same way as any other."""

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from dashboard.generators import local_model
from dashboard.generators.conversation import chat_messages
from dashboard.generators.generator import GenerationFault, guarded
from dashboard.generators.local_model import LocalModel
from dashboard.params import StyleParams

TEMPLATE = "{% for message in messages %}<{{ message.role }}>{{ message.content }}{% endfor %}<answer>"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

    path = tmp_path_factory.mktemp("models") / "tiny"
    signs = sorted(pre_tokenizers.ByteLevel.alphabet())
    words = Tokenizer(models.BPE({sign: place for place, sign in enumerate(["<end>", *signs])}, []))
    words.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    words.decoder = decoders.ByteLevel()
    PreTrainedTokenizerFast(tokenizer_object=words, eos_token="<end>").save_pretrained(path)
    torch.manual_seed(0)
    config = GPT2Config(
        vocab_size=len(signs) + 1, n_positions=256, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0
    )
    GPT2LMHeadModel(config).save_pretrained(path)
    return path


def style(folder: Path, **more: Any) -> StyleParams:
    content = {"name": "one", "generator": "local", "model": str(folder), "max_tokens": 12, "temperature": 0.0}
    return StyleParams.model_validate(content | more)


def pieces_of(chosen: StyleParams, question: str = "Why?") -> tuple[list[str], GenerationFault | None]:
    async def steps() -> tuple[list[str], GenerationFault | None]:
        pieces: list[str] = []
        try:
            async for piece in LocalModel().stream(question, chosen):
                pieces.append(piece)
        except GenerationFault as fault:
            return pieces, fault
        return pieces, None

    return asyncio.run(asyncio.wait_for(steps(), 120))


def test_it_streams_until_its_limit_and_says_that_it_was_cut_off(folder: Path) -> None:
    pieces, fault = pieces_of(style(folder))
    assert fault is not None
    assert (fault.code, fault.details) == ("cut_off", {"tokens": 12})
    assert len([piece for piece in pieces if piece]) >= 1
    again, _ = pieces_of(style(folder))
    assert "".join(again) == "".join(pieces)  # temperature 0 takes the likeliest sign
    longer, _ = pieces_of(style(folder, max_tokens=24))
    assert "".join(longer).startswith("".join(pieces).rstrip("\ufffd"))


def test_earlier_turns_are_read_as_far_as_the_model_can_read(folder: Path) -> None:
    tokenizer, _ = local_model._load(str(folder))
    chosen = style(folder, system_prompt="S")
    for turns, told in ((1, "S\n\nold\n\nsaid\n\nWhy?\n\n"), (40, None)):
        chat = chat_messages("Why?", chosen, [("old", "said")] * turns)
        mail = Mail()
        local_model._write(*local_model._load(str(folder)), chat, chosen, mail, threading.Event())
        assert mail.got and not isinstance(mail.got[-1], GenerationFault), mail.got
        if told is not None:
            assert tokenizer.decode(local_model._prompt(tokenizer, chat)["input_ids"][0]) == told


class Mail:
    def __init__(self) -> None:
        self.got: list[Any] = []

    def put(self, message: Any) -> None:
        self.got.append(message)


def test_an_answer_that_ends_by_itself_is_whole(folder: Path) -> None:
    _, model = local_model._load(str(folder))
    ends = model.generation_config.eos_token_id
    model.generation_config.eos_token_id = list(range(model.config.vocab_size))  # any sign ends it
    try:
        assert pieces_of(style(folder))[1] is None
    finally:
        model.generation_config.eos_token_id = ends


def test_the_prompt_has_the_models_own_form_or_none(folder: Path) -> None:
    tokenizer, _ = local_model._load(str(folder))
    asked = style(folder, system_prompt="Be brief.")

    def told(chosen: StyleParams) -> str:
        return str(tokenizer.decode(local_model._prompt(tokenizer, chat_messages("Why?", chosen))["input_ids"][0]))

    assert told(asked) == "Be brief.\n\nWhy?\n\n"
    assert told(style(folder)) == "Why?\n\n"
    tokenizer.chat_template = TEMPLATE
    try:
        assert told(asked) == "<system>Be brief.<user>Why?<answer>"
        assert told(style(folder)) == "<user>Why?<answer>"
    finally:
        tokenizer.chat_template = None


def test_who_leaves_ends_the_writing(folder: Path) -> None:
    async def steps() -> None:
        before = set(threading.enumerate())
        chosen = style(folder, max_tokens=200)
        stream: AsyncIterator[str] = LocalModel().stream("Why?", chosen)
        while not await anext(stream):
            pass
        writing = set(threading.enumerate()) - before
        await stream.aclose()  # type: ignore[attr-defined]
        for thread in writing:
            if thread.name.endswith("(_write)"):
                await asyncio.to_thread(thread.join, 60)
                assert not thread.is_alive()

    asyncio.run(asyncio.wait_for(steps(), 120))


@pytest.mark.parametrize("content", [None, "{}", "{", '{"model_type": "bert"}'])
def test_a_folder_without_such_a_model_is_said(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "config.json").write_text(content, encoding="utf-8")
    pieces, fault = pieces_of(style(tmp_path))
    assert "".join(pieces) == ""
    assert fault is not None
    assert (fault.code, fault.details) == ("no_folder", {"folder": str(tmp_path)})


@pytest.mark.parametrize(
    ("broken", "code"),
    [(RuntimeError("no\nroom"), "failed"), (MemoryError(), "out_of_memory")],
    ids=["failed", "memory"],
)
def test_a_model_that_breaks_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch, broken: Exception, code: str
) -> None:
    def breaks(*_: object, **__: object) -> None:
        raise broken

    monkeypatch.setattr(local_model._load(str(folder))[1], "generate", breaks)
    _, fault = pieces_of(style(folder))
    assert fault is not None
    assert fault.code == code
    assert fault.details.get("message", "no room") == "no room"


def test_the_guard_keeps_what_was_written(folder: Path) -> None:
    async def steps() -> GenerationFault:
        chosen = style(folder)
        with pytest.raises(GenerationFault) as found:
            async for _ in guarded(LocalModel().stream("Why?", chosen), chosen):
                pass
        return found.value

    fault = asyncio.run(asyncio.wait_for(steps(), 120))
    assert fault.partial


def test_it_is_called_by_its_folder_and_its_settings_are_stored(folder: Path) -> None:
    told = LocalModel().describe(style(folder, system_prompt="Be brief."))
    assert told.model == "tiny"
    assert (told.settings["generator"], told.settings["system_prompt"]) == ("local", "Be brief.")
    assert LocalModel().notice("Why?") is None
