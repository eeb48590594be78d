"""Models that are found, tried, chosen and remembered; the small one fetched from the page."""

import asyncio
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic import ValidationError
from talking_server import TalkingServer

from dashboard.generators import answer_sources, model_fetch, small_model
from dashboard.generators.answer_sources import (
    AnswerSources,
    folder_source,
    found_on,
    server_source,
    server_sources,
    tried,
)
from dashboard.generators.conversation import latest
from dashboard.generators.generator import GenerationFault, StyleParams
from dashboard.generators.model_fetch import ModelFetch
from dashboard.generators.small_model import REMEMBERED, SmallModel, Writer, answers, styled
from pipelines.models.packaged_models import SMOLLM2

STYLE = StyleParams(name="brief", system_prompt="Be brief.", max_tokens=1000)


@pytest.fixture
def sources(tmp_path: Path) -> AnswerSources:
    return AnswerSources(tmp_path / "models", tmp_path / "runs" / ".generator.json")


def whole(folder: Path) -> Path:
    folder.mkdir(parents=True)
    for name in ("config.json", "tokenizer.json", "model.safetensors"):
        (folder / name).write_text("{}")
    return folder


def test_nothing_there_is_nothing_found_and_nothing_used(sources: AnswerSources) -> None:
    sources.load()
    assert sources.current is None
    assert asyncio.run(found_on(sources)) == []


def test_the_small_model_is_used_where_it_is_and_another_choice_outlives_a_start(
    sources: AnswerSources, monkeypatch: pytest.MonkeyPatch
) -> None:
    warmed: list[str] = []
    monkeypatch.setattr(answer_sources, "warm", warmed.append)
    folder = whole(sources.models_dir / SMOLLM2.name)
    sources.load()
    assert sources.current is not None
    assert (sources.current.name, warmed) == (SMOLLM2.name, [str(folder)])
    asked = sources.current.styled(STYLE)
    assert (asked.generator, asked.model, asked.system_prompt) == ("small", str(folder), "Be brief.")
    assert (asked.max_tokens, asked.temperature) == (small_model.LONGEST, small_model.COOLEST)
    chosen = server_source("http://127.0.0.1:9/v1", "qwen")
    sources.remember(chosen)
    again = AnswerSources(sources.models_dir, sources._file)
    again.load()
    assert again.current is not None
    assert again.current.name == chosen.name
    assert again.current.styled(STYLE).base_url == "http://127.0.0.1:9/v1"
    assert {each.name for each in asyncio.run(found_on(again))} == {SMOLLM2.name, chosen.name}


@pytest.mark.parametrize("content", ["", "[]", '{"name": "x"}', '{"name": "x", "base_url": "nowhere", "model": "m"}'])
def test_a_choice_that_cannot_be_read_is_none(sources: AnswerSources, content: str) -> None:
    sources._file.parent.mkdir()
    sources._file.write_text(content)
    sources.load()
    assert sources.current is None


def test_models_of_a_server_are_listed_tried_and_refused(talking_server: TalkingServer) -> None:
    async def steps() -> None:
        assert await server_sources("http://127.0.0.1:9/v1") == []
        for address in ("nowhere", "ftp://x/v1", "http://me:secret@x/v1"):
            with pytest.raises(ValidationError):
                await server_sources(address)
        found = await server_sources(f"{talking_server.url}/")
        assert [each.record["model"] for each in found] == ["talks"]
        await tried(found[0], STYLE)
        with pytest.raises(GenerationFault) as fault:
            await tried(server_source("http://127.0.0.1:9/v1", "m"), STYLE)
        assert fault.value.code == "refused"

    asyncio.run(steps())


def test_a_folder_answers_by_the_kind_local(tmp_path: Path) -> None:
    source = folder_source(tmp_path / "own")
    assert (source.label, source.styled(STYLE).generator) == ("own", "local")
    assert not answer_sources._writes(tmp_path / "own")


def test_the_small_model_does_not_pretend_to_know_chinese() -> None:
    assert answers("Why is the sky blue?")
    assert not answers("請推薦三個台南的早餐")
    notice = SmallModel().notice("請推薦三個台南的早餐")
    assert notice is not None
    assert (notice.code, notice.answered) == ("small_english", False)


def test_the_small_model_is_told_the_latest_turns_and_says_how_many_it_forgets() -> None:
    turns = [("Why?", "x" * REMEMBERED), ("And then?", "y" * 100), ("And now?", "z" * 100)]
    assert SmallModel.forgets(turns) == 1
    assert SmallModel.forgets(turns[1:]) == 0
    assert latest(turns[:1], REMEMBERED) == []
    assert latest(turns, 10 * REMEMBERED) == turns
    assert latest([], REMEMBERED) == []


class Process:
    """Stands for the process that writes: each answer in two messages."""

    ended = False
    asked: list[dict[str, Any]] = []

    def __init__(self, *_: str) -> None:
        self.writing: dict[int, int] = {}

    def ask(self, message: bytes) -> bytes | None:
        said = json.loads(message)
        Process.asked.append(said)
        if any(each["messages"][-1]["content"] == "die" for each in said["add"]):
            return None
        self.writing |= {each["number"]: 0 for each in said["add"]}
        for number in said["drop"]:
            self.writing.pop(number, None)
        told = [[number, f"{number % 10}", "stop" if step else ""] for number, step in self.writing.items()]
        self.writing = {number: 1 for number, step in self.writing.items() if not step}
        return json.dumps({"written": told}).encode()

    def kill(self) -> None:
        pass

    def close(self) -> None:
        pass


def test_both_styles_are_read_in_one_message_and_a_dead_process_is_a_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(small_model, "WorkerProcess", Process)
    Process.asked.clear()
    style = styled(STYLE, tmp_path)

    async def text(question: str) -> str:
        return "".join([piece async for piece in SmallModel().stream(question, style)])

    async def steps() -> None:
        first, second = await asyncio.gather(text("Why?"), text("Why?"))
        assert [len(first), len(second)] == [2, 2]
        assert len(next(each for each in Process.asked if each["add"])["add"]) == 2
        with pytest.raises(GenerationFault) as fault:
            await text("die")
        assert fault.value.code == "out_of_memory"
        assert len(await text("Again?")) == 2

    asyncio.run(steps())
    SmallModel().close()


def test_an_answer_that_nobody_waits_for_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(small_model, "WorkerProcess", Process)
    writer = Writer("folder")
    monkeypatch.setattr(writer, "_begin_thread", lambda: None)
    number = writer.begin({"messages": []}, lambda message: None)
    writer.drop(number)
    writer.drop(number)
    assert (writer._new, writer._gone) == ([], [number])


@pytest.mark.parametrize(
    ("code", "state", "fault"),
    [
        ("import json; print(json.dumps(dict(stage='converting', done=1, total=1)))", "done", ""),
        ("import sys; sys.exit('model x: the disk is full.')", "failed", "model x: the disk is full."),
        ("import os; os._exit(3)", "failed", "it ended with status 3"),
    ],
)
def test_a_fetch_tells_how_it_stands_and_ends_in_one_sentence(
    code: str, state: str, fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import subprocess

    done: list[int] = []
    fetch = ModelFetch(SMOLLM2, tmp_path, lambda: done.append(1))
    pipe = subprocess.PIPE
    command = [sys.executable, "-c", code]
    begin = lambda: subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe, text=True)  # noqa: E731
    monkeypatch.setattr(fetch, "_started", begin)
    threads: list[Any] = []

    def started(**settings: Any) -> Any:
        threads.append(SimpleNamespace(run=lambda: settings["target"](*settings["args"])))
        return SimpleNamespace(start=lambda: None)

    with monkeypatch.context() as patched:
        patched.setattr(model_fetch, "Thread", started)
        fetch.start()
    assert fetch.status.state == "running"
    threads[0].run()
    assert (fetch.status.state, fetch.status.fault, len(done)) == (state, fault, int(state == "done"))
