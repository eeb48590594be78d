"""The judge in use: loaded and asked in a thread of its own, so that no page waits for it; and the line about it."""

import asyncio
import hashlib
import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Literal, TypeVar

from dashboard.judges.saved_runs import SavedRun, first_choices, named_judge, remember_choice, saved_runs
from dashboard.texts import Texts
from pipelines.errors import UserError
from pipelines.files.atomic_files import sha256_of
from pipelines.terminal.unseen_signs import one_line
from stacker.judge.provenance import Provenance

if TYPE_CHECKING:
    from stacker.judge.explain.explanation import Explanation
    from stacker.judge.judge import Judge
    from stacker.judge.verdict import Verdict


Found = TypeVar("Found")
_log = logging.getLogger(__name__)
State = Literal["none", "loading", "ready", "failed"]
_WARM = (
    "What is a tide?",
    "The sea rises and falls as the Moon pulls at it.",
    "A tide is **water** that moves.\n- Moon",
)


@dataclass(frozen=True)
class LoadedJudge:
    """A judge that can be asked.

    Attributes
    ----------
    version : str
        Name and the first digits of its files' hash: what is stored with each verdict.
    """

    run: SavedRun
    version: str
    judge: "Judge"
    provenance: Provenance = field(default_factory=Provenance)


class JudgeService:
    """Loads judges and asks the one in use. One object serves all people of a process.

    Parameters
    ----------
    folder : Path
        Below it saved judges are looked for; see `dashboard.judges.saved_runs` for which is used first.
    starter : Path or None
        The judge that comes with the install, where it is offered.
    named : str
        The judge that is used from the start, whatever else there is; "" for none.

    Attributes
    ----------
    current : LoadedJudge or None
        The judge in use.
    state : str
        `none` (nothing saved), `loading`, `ready` or `failed`; then `fault` says why.
    fault : str
        One sentence of the judge's own, in English.
    refused : tuple of str
        Such a sentence for each judge that could not be loaded at the start, before one could.

    Raises
    ------
    UserError
        When there is no judge of the name.
    """

    def __init__(self, folder: Path, starter: Path | None = None, named: str = "") -> None:
        self.folder, self.starter = folder, starter
        self._named = named_judge(named, folder, starter) if named else None
        self.state: State = "none"
        self.fault = ""
        self._followers: list[Callable[[], None]] = []
        self.refused: tuple[str, ...] = ()
        self.current: LoadedJudge | None = None
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="judge")

    def runs(self) -> list[SavedRun]:
        """Return the saved judges, the newest first, the starter last. Reads folders: call it from a thread."""
        found = saved_runs(self.folder)
        return found + (saved_runs(self.starter) if self.starter is not None else [])

    def start(self) -> None:
        """Begin to load the first judge, without waiting for it."""
        self.state = "loading"
        self._thread.submit(self._start)

    def follow(self, changed: Callable[[], None]) -> Callable[[], None]:
        """Call `changed`, from any thread, whenever another judge is used or one cannot be; return what ends that."""
        self._followers.append(changed)
        return lambda: self._followers.remove(changed)

    async def use(self, run: SavedRun) -> LoadedJudge:
        """Load a judge and use it, for all people, also after the next start; a `UserError` leaves the one in use."""
        return await asyncio.wrap_future(self._thread.submit(self._choose, run))

    async def ready(self) -> bool:
        """Wait until a judge that is being loaded is there, and return whether there is one."""
        await asyncio.wrap_future(self._thread.submit(lambda: None))
        return self.current is not None

    async def compare(
        self, prompt: Sequence[str], a: Sequence[str], b: Sequence[str]
    ) -> tuple["Verdict", LoadedJudge] | None:
        """Return the verdict on a battle and who gave it, None without a judge; a `UserError` where it gives none."""
        return await asyncio.wrap_future(self._thread.submit(self._compare, prompt, a, b))

    async def even_style(
        self, by: LoadedJudge, prompt: Sequence[str], a: Sequence[str], b: Sequence[str]
    ) -> "Verdict | None":
        """Return a judge's verdict with style held equal, None where it has none; a `UserError` as `compare`."""
        if by.judge.even_style is None:
            return None
        return await asyncio.wrap_future(self._thread.submit(lambda: by.judge.compare(prompt, a, b, control="style")))

    async def explain(
        self, by: LoadedJudge, prompt: Sequence[str], a: Sequence[str], b: Sequence[str]
    ) -> "Explanation":
        """Return why a judge says what it says of a battle; a `UserError` where it holds nothing to explain from."""
        return await asyncio.wrap_future(self._thread.submit(by.judge.explain, prompt, a, b))

    def do(self, work: Callable[[], Found]) -> "Future[Found]":
        """Do some work with a judge in its thread, where nobody else asks one meanwhile; keep each piece short."""
        return self._thread.submit(work)

    def close(self) -> None:
        """End the thread when what it does is done."""
        self._thread.shutdown(wait=False, cancel_futures=True)

    def _start(self) -> None:
        try:
            self._load_first()
        except Exception as fault:
            # whatever it is: the people who wait are told, and the pages go on without a judge
            _log.exception("no judge could be loaded")
            self.state, self.fault = "failed", f"{self.folder}: no judge could be loaded ({type(fault).__name__})."
            self._tell()

    def _load_first(self) -> None:
        runs = first_choices(self.folder, self.starter) if self._named is None else [self._named]
        if not runs:
            self.state = "none"
            self._tell()
            return
        for run in runs:
            try:
                self._load(run)
                return
            except UserError as fault:
                _log.warning("judge not used: %s", fault)
                self.refused += (str(fault),)
        # What is missing of the first choice is what has to be fixed.
        self.state, self.fault = "failed", self.refused[0]
        self._tell()

    def _choose(self, run: SavedRun) -> LoadedJudge:
        loaded = self._load(run)
        remember_choice(self.folder, run)
        return loaded

    def _tell(self) -> None:
        for changed in list(self._followers):
            changed()

    def _load(self, run: SavedRun) -> LoadedJudge:
        from stacker.judge.judge import Judge

        judge = Judge.load(run.judge)
        try:
            judge.compare(*_WARM)  # the first verdict of a process loads libraries and takes seconds
            if judge.baseline is not None:
                judge.explain(*_WARM)
        except UserError:
            raise
        except Exception as fault:  # of any library: such a judge is as good as none, and the next one may be better
            _log.exception("%s: gives no verdict", run.judge)
            raise UserError(f"{run.judge}: gives no verdict ({type(fault).__name__}); make it again.") from fault
        self.current = loaded = LoadedJudge(run, f"{run.name}@{_digest(run.judge)}", judge, run.provenance())
        self.state, self.fault = "ready", ""
        self._tell()
        return loaded

    def _compare(
        self, prompt: Sequence[str], a: Sequence[str], b: Sequence[str]
    ) -> tuple["Verdict", LoadedJudge] | None:
        loaded = self.current
        return None if loaded is None else (loaded.judge.compare(prompt, a, b), loaded)


def _digest(folder: Path) -> str:
    """Return 12 hex digits that tell one saved judge from another."""
    found = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        found.update(path.relative_to(folder).as_posix().encode())
        found.update(bytes.fromhex(sha256_of(path)))  # piece by piece: an encoder's weights are large
    return found.hexdigest()[:12]


LONGEST_NAME = 80
"""Characters of a folder's name that are shown."""


def judge_line(judges: JudgeService, say: Texts) -> tuple[str, bool]:
    """Return the line in a person's language, and whether it is a warning: no judge, or one of made-up battles."""
    loaded = judges.current
    if judges.state == "failed":
        return say("judge.failed", reason=judges.fault), True
    if loaded is None:
        return (say("judge.loading"), False) if judges.state == "loading" else (say("judge.none"), True)
    made_up = loaded.provenance.kind == "built-in"
    starter = judges.starter is not None and loaded.run.judge == judges.starter
    name = say("judge.starter") if starter else one_line(loaded.run.name, LONGEST_NAME)
    beware = say("judge.beware") if made_up else ""
    date = _date(loaded, starter, say)
    return say("judge.line", name=name, trained=trained(loaded.provenance, say), date=date, beware=beware), made_up


def trained(provenance: Provenance, say: Texts) -> str:
    """Return what a judge was trained on, in a person's language."""
    count = say("judge.some") if provenance.battles is None else f"{provenance.battles:,}"
    names, more = provenance.named_sources()
    sources = ""
    if names and provenance.kind == "votes":
        listed = say("judge.between").join(names)
        sources = say("judge.sources_more" if more else "judge.sources", names=listed, more=more)
    return say(f"judge.{provenance.kind}", count=count, sources=sources)


def _date(loaded: LoadedJudge, starter: bool, say: Texts) -> str:
    if loaded.provenance.date:
        return say("judge.trained_on_day", date=loaded.provenance.date)
    # A file's date tells when it came here; that of the install says nothing about the starter.
    return "" if starter else say("judge.saved_on_day", date=loaded.run.written.date().isoformat())
