"""Answers from the small model that comes from the package index; both styles are written in one pass."""

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

from pydantic import model_validator

from dashboard.generators.conversation import Turn, chat_messages, latest
from dashboard.generators.generator import Description, GenerationFault, Generator, Notice, Source, StyleParams
from dashboard.texts.languages import language_of
from pipelines.models.model_files import MODELS_DIR, is_whole, stored_folder
from pipelines.models.packaged_models import SMOLLM2
from pipelines.models.wheel_download import PackagedModel
from pipelines.terminal.processes import WorkerProcess, usable_cores

AT_ONCE = 8
"""Answers written at a time; further people queue. More would take the pace below that of reading."""
LONGEST, COOLEST = 220, 0.4
"""Tokens after which an answer looks for its end, and temperature: at this size, longer and warmer ones go astray."""
REMEMBERED = 4_000
"""Characters of earlier turns that it is told, about 900 tokens, so that first words come soon; older ones go."""
GATHER_S = 0.03
"""So long a first answer waits for that of the other style, to be read in one pass."""
PATIENCE_S = 5.0
"""How long the thread of a process that was killed is waited for."""
DEFAULT_FOLDER = str(stored_folder(MODELS_DIR, SMOLLM2.name))


class SmallStyle(StyleParams):
    """A style that the small model answers in."""

    model: str = DEFAULT_FOLDER
    temperature: float = COOLEST
    max_tokens: int = LONGEST

    @model_validator(mode="after")
    def _has_a_folder(self) -> "SmallStyle":
        if not self.model:
            raise ValueError(f"generator small needs model: the folder that fetch {SMOLLM2.name} made")
        return self


class SmallModel(Generator):
    """Streams what the small model writes, in a process that all people share. It knows English alone."""

    kind = "small"
    Style = SmallStyle
    at_once = AT_ONCE

    def describe(self, style: StyleParams) -> Description:
        """Return the model's name, and the settings."""
        folder = Path(style.model).name
        return Description(SMOLLM2.title if folder == SMOLLM2.name else folder, style.settings())

    def notice(self, question: str) -> Notice | None:
        """Return that small models err, or that it cannot answer in this language."""
        if not answers(question):
            return Notice("small_english", answered=False)
        return Notice("small_errs")

    @classmethod
    def forgets(cls, before: Sequence[Turn]) -> int:
        """Return how many turns `REMEMBERED` leaves out."""
        return len(before) - len(latest(before, REMEMBERED))

    async def stream(self, question: str, style: StyleParams, before: Sequence[Turn] = ()) -> AsyncIterator[str]:
        """Yield the answer in pieces; "" while the model loads."""
        writer = _writer(style.model)
        loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[str, str] | GenerationFault]()

        def put(message: tuple[str, str] | GenerationFault) -> None:
            try:
                loop.call_soon_threadsafe(queue.put_nowait, message)
            except RuntimeError:
                return  # the loop has closed: nobody waits any more

        messages = chat_messages(question, style, latest(before, REMEMBERED))
        job = {"messages": messages, "max_tokens": style.max_tokens, "temperature": style.temperature}
        number = writer.begin(job, put)
        try:
            while True:
                try:
                    message = await asyncio.wait_for(queue.get(), None if writer.ready else 1.0)
                except TimeoutError:
                    yield ""
                    continue
                if isinstance(message, GenerationFault):
                    raise message
                text, ended = message
                if text:
                    yield text
                if ended:
                    return
        finally:
            writer.drop(number)

    @classmethod
    def warmups(cls) -> tuple[Callable[[], object], ...]:
        """Return what loads the model, where it is."""
        return (partial(warm, DEFAULT_FOLDER),)

    def close(self) -> None:
        """End the processes."""
        for writer in _writers.values():
            writer.close()


def answers(question: str) -> bool:
    """Tell whether the small model knows a question's language."""
    return language_of(question) not in ("zh", "ja", "ko")


def warm(folder: str) -> None:
    """Load the model, which takes some seconds; for a thread."""
    if is_whole(Path(folder)):
        _writer(folder).start()


def small_source(models_dir: Path, model: PackagedModel = SMOLLM2) -> Source | None:
    """Return the small model as one that can answer, None where it is not there."""
    folder = stored_folder(models_dir, model.name)
    return Source(model.name, model.title, partial(styled, folder=folder)) if is_whole(folder) else None


def styled(style: StyleParams, folder: Path) -> StyleParams:
    """Return the style answered by the small model: name and prompt stay, what is too long or too warm is held down."""
    changed = {"generator": SmallModel.kind, "model": str(folder), "base_url": "", "api_key_env": ""}
    changed |= {"max_tokens": min(style.max_tokens, LONGEST), "temperature": min(style.temperature, COOLEST)}  # type: ignore[dict-item]
    return SmallStyle.model_validate(style.model_dump() | changed)


class Writer:
    """The process of one model, and the thread that gives it work."""

    def __init__(self, folder: str) -> None:
        self.folder, self.ready = folder, False
        self._numbers = count(1)
        self._told: dict[int, Callable[[tuple[str, str] | GenerationFault], None]] = {}
        self._new: list[dict[str, Any]] = []
        self._gone: list[int] = []
        self._change = threading.Condition()
        self._thread: threading.Thread | None = None
        self._process: WorkerProcess | None = None
        self._closed = False

    def start(self) -> None:
        """Have the model loaded."""
        with self._change:
            self._begin_thread()
            self._gone.append(0)  # something to do
            self._change.notify()

    def begin(self, job: dict[str, Any], tell: Callable[[tuple[str, str] | GenerationFault], None]) -> int:
        """Have an answer written; `tell` gets, in a thread, each piece and why it ended, "" as long as it goes on."""
        with self._change:
            number = next(self._numbers)
            self._told[number] = tell
            self._new.append({"number": number, **job})
            self._begin_thread()
            self._change.notify()
        return number

    def drop(self, number: int) -> None:
        """Write no more of an answer."""
        with self._change:
            if self._told.pop(number, None) is not None:
                self._new = [job for job in self._new if job["number"] != number]
                self._gone.append(number)
                self._change.notify()

    def close(self) -> None:
        """End the process; the thread ends with it."""
        with self._change:
            self._closed = True
            process, thread = self._process, self._thread
            self._change.notify()
        if process is not None:
            process.kill()
        if thread is not None:
            thread.join(PATIENCE_S)
        if process is not None:
            process.close()

    def _begin_thread(self) -> None:
        if self._thread is None or not self._thread.is_alive():
            self._thread = threading.Thread(target=self._run, daemon=True, name="small model")
            self._thread.start()

    def _run(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._closed or self._new or self._gone or self._told)
                if self._new and len(self._told) == len(self._new):
                    self._change.wait(GATHER_S)
                if self._closed:
                    return
                asked, self._new, self._gone = {"add": self._new, "drop": self._gone}, [], []
            self._take(self._ask(json.dumps(asked).encode()))

    def _ask(self, message: bytes) -> dict[str, Any]:
        try:
            if self._process is None or self._process.ended:
                threads = max(1, usable_cores() - 1)  # a core is left to the judge and the pages
                self._process = WorkerProcess("dashboard.generators.writing_worker", self.folder, str(threads))
            answer = self._process.ask(message)
        except OSError as fault:
            return {"fault": "failed", "details": {"folder": self.folder, "message": str(fault)[:200]}}
        if answer is None:
            return {"fault": "out_of_memory", "details": {"folder": self.folder}}
        found: dict[str, Any] = json.loads(answer)
        return found

    def _take(self, answer: dict[str, Any]) -> None:
        """Pass on what was written; a fault ends all that was being written."""
        if "fault" in answer:
            self.ready = False
            with self._change:
                told, self._told = self._told, {}
            for tell in told.values():
                tell(GenerationFault(answer["fault"], **answer["details"]))
            return
        self.ready = True
        for number, text, ended in answer["written"]:
            with self._change:
                found = self._told.pop(number, None) if ended else self._told.get(number)
            if found is not None:
                found((text, ended))


_writers: dict[str, Writer] = {}
_making = threading.Lock()


def _writer(folder: str) -> Writer:
    with _making:
        if folder not in _writers or _writers[folder]._closed:
            _writers[folder] = Writer(folder)
        return _writers[folder]
