"""The converted copies of an encoder on this disk, and which of them runs it: what is installed and passes its check.

`python -m features.encoder.engines.copies` runs the copy that a judge brings along, in a process of its own: a library
that runs copies takes them on trust, and an edited one can crash it, or never end.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from importlib import import_module
from pathlib import Path
from threading import Lock
from typing import Any
from weakref import WeakValueDictionary

import numpy as np

from features.encoder.choice import ResolvedEncoder
from features.encoder.engines.conversion import (
    FP32,
    INT8,
    MADE,
    REFUSED,
    Copies,
    Kind,
    check_texts,
    read_report,
    versions,
)
from features.encoder.engines.engine import Ids
from features.encoder.tokens import SAVED, SavedTokens, Tokens, open_tokens
from pipelines.errors import UserError
from pipelines.files.atomic_files import sha256_of
from pipelines.files.saved_files import DamagedError, checking
from pipelines.models.model_files import tokenizer_sha256, vocabulary_of
from pipelines.models.model_loading import load_tokenizer, most_tokens
from pipelines.terminal.processes import Bounds, TooMuch, end_with_the_parent, run_apart

FOLDER = ".converted"
"""Inside the models' folder."""
ORDER = (("openvino", INT8), ("onnx", INT8), ("openvino", FP32), ("onnx", FP32))
"""What `auto` tries, the fastest first; torch comes last. It is an order, not a race at every start, so that a run's
numbers do not depend on how busy the machine is. Processor time of a token with the built-in encoder (an EPYC core with
AVX-512 VNNI): 133, 200, 265, 290 microseconds, and torch 370."""
_UNBOUNDED = 1 << 30
_LONGEST_CHECKED = 256
BOUNDS = Bounds(memory=4_000_000_000, seconds=60.0)
_TEXTS = ["", "Which answer is better?", "字 \u0000 🙂 [SEP] <s>", "some words " * 500]

KINDS = {
    "openvino": "features.encoder.engines.openvino_cpu:OpenVino",
    "onnx": "features.encoder.engines.onnx_cpu:Onnx",
}
"""The kinds of engine that run converted copies; their libraries are loaded when one is asked for."""


@cache
def kind_of(name: str) -> Kind:
    """Return the kind of engine of a name in `KINDS`. Raises a `UserError` where its packages are not installed."""
    module, _, named = KINDS[name].partition(":")
    kind: Kind = getattr(import_module(module), named)()
    versions(kind)
    return kind


def is_installed(name: str) -> bool:
    """Tell whether the packages of an engine are here."""
    try:
        return name not in KINDS or kind_of(name) is not None
    except UserError:
        return False


_opened: "WeakValueDictionary[tuple[str, int], Any]" = WeakValueDictionary()
_opening = Lock()


class EncoderCopies:
    """The copies of one encoder for one kind of engine; a `UserError` where a package of the engine is missing.

    Parameters
    ----------
    load : callable
        Gives the torch model (a `SentenceTransformer` of rows of unit length); called where a copy must be made.
    brought : Path or None
        An int8 copy that an older judge brings, with ranges taken from its own texts; it is used in place of ours.
    """

    def __init__(
        self, encoder: ResolvedEncoder, engine: str, load: Callable[[], Any], brought: Path | None = None
    ) -> None:
        self.encoder = encoder
        self.kind = kind_of(engine)
        self.load = load
        self.brought = brought
        most = most_tokens(encoder.folder)
        self.longest = most or _UNBOUNDED

    def version(self, precision: str) -> str:
        """Return what changes with everything that rows depend on besides the encoder; the copy must be there."""
        if self.brought is not None:
            return f"{self.kind.name}-{read_report(self.brought)['texts']}"
        made = self._copies.place(precision) / MADE
        return "-".join((*versions(self.kind), precision, made.read_text(encoding="utf-8")))

    def is_made(self, precision: str) -> bool:
        """Tell whether a copy is there."""
        return self.brought is not None or self._copies.place(precision).is_dir()

    def is_refused(self, precision: str) -> bool:
        """Tell whether a copy was tried here and refused."""
        return (self._copies.folder / f"{REFUSED}-{precision}").is_dir()

    def make(self, precision: str) -> None:
        """Make a copy where it is missing. Raises a `RefusedError` where it strays too far from the model."""
        if self.brought is None and not (self._copies.place(precision) / MADE).is_file():
            self._copies.made(precision)
            self.__dict__.pop("tokens", None)  # from now on by what was saved with the copy

    def folders(self) -> list[Path]:
        """Return where copies lie that are there now."""
        found = [self.brought, self._copies.place(FP32), self._copies.place(INT8)]
        return [folder for folder in found if folder is not None and folder.is_dir()]

    def on_disk(self, precision: str) -> dict[str, Path]:
        """Return the folders of a copy, and of what was tried and refused, by their paths in the folder of copies."""
        base = self._copies.folder
        found = [base / precision, *sorted(base.glob(f"{REFUSED}-*"))]
        return {f"{base.name}/{folder.name}": folder for folder in found if folder.is_dir()}

    def open(self, precision: str, threads: int) -> Any:
        """Load a copy, made when missing; one that is open is shared. A `DamagedError` where it cannot be read."""
        folder = self.brought or self._copies.made(precision)
        if self.brought is not None:
            probe(self.kind.name, folder, min(self.longest, _LONGEST_CHECKED), vocabulary_of(self.encoder.folder))
        with _opening, checking(folder):
            key = (str(folder.resolve()), threads)
            engine = _opened.get(key)
            if engine is None:
                engine = _opened[key] = self.kind.open(folder, threads, self.longest)
            return engine

    def save(self, folder: Path) -> None:
        """Write a copy that was brought into a judge; the others are made anew where they are missing."""
        if self.brought is not None:
            shutil.copytree(self.brought, folder)

    @cached_property
    def tokens(self) -> Tokens:
        """What makes token ids: without transformers where a copy is there."""
        folder, name = self.encoder.folder, self.encoder.name
        return open_tokens(self.folders(), lambda: load_tokenizer(folder, name), vocabulary_of(folder))

    @cached_property
    def _copies(self) -> Copies:
        about = [self.encoder.sha256, *versions(self.kind), tokenizer_sha256(self.encoder.folder)]
        for name in ("config.json", "modules.json", "1_Pooling/config.json"):
            path = self.encoder.folder / name
            about.append(sha256_of(path) if path.is_file() else "")
        digest = hashlib.sha256("\n".join(about).encode()).hexdigest()[:24]
        folder = self.encoder.models_dir / FOLDER / f"{self.kind.name}-{digest}"
        return Copies(
            self.kind, folder, self.load, lambda: self.tokens, self._examples, self.longest, self.encoder.name
        )

    def _examples(self) -> list[Ids]:
        before, after = self.tokens.frame
        room = min(self.longest, _LONGEST_CHECKED) - len(before) - len(after)
        return [[*before, *ids[:room], *after] for ids in self.tokens.ids(check_texts())]


@dataclass(frozen=True)
class Chosen:
    """What runs an encoder.

    Attributes
    ----------
    copies : EncoderCopies or None
        None for torch.
    passed_over : tuple of str
        Why faster ones that are installed do not.
    """

    engine: str
    precision: str
    copies: EncoderCopies | None = None
    passed_over: tuple[str, ...] = ()

    @property
    def told(self) -> str:
        """A few words for people."""
        return f"{self.engine} {self.precision}"


def choose_engine(
    encoder: ResolvedEncoder,
    engine: str,
    precision: str,
    device: str,
    load: Callable[[], Any],
    brought: Path | None = None,
    make: bool = True,
) -> Chosen | None:
    """Return what runs an encoder; copies that it takes to know are made.

    Parameters
    ----------
    engine, precision : str
        As the settings say; `auto` takes the first of `ORDER` that is installed and passes its check.
    device : str
        cpu or cuda, where torch runs it.
    load, brought
        As in `EncoderCopies`.
    make : bool
        Whether copies may be made; without that, None where one would have to be.

    Raises
    ------
    UserError
        When an engine that is named is not installed, or refused.
    """
    if engine == "torch" or device == "cuda" or precision in ("bf16", "fp16"):
        return Chosen("torch", FP32 if precision == "auto" else precision)
    passed_over: list[str] = []
    for name, each in ORDER if engine == "auto" else ((engine, INT8), (engine, FP32)):
        if precision not in ("auto", each) or (engine == "auto" and not is_installed(name)):
            continue
        copies = EncoderCopies(encoder, name, load, brought if each == INT8 else None)
        if not make and not copies.is_made(each):
            if copies.is_refused(each) and "auto" in (engine, precision):
                continue
            return None
        try:
            copies.make(each)
        except UserError as fault:
            if engine != "auto" and (precision != "auto" or each == FP32):
                raise
            passed_over.append(str(fault))
            continue
        return Chosen(name, each, copies, tuple(passed_over))
    if precision == INT8:
        raise UserError(
            "encoder.precision int8: "
            + (passed_over[0] if passed_over else 'needs OpenVINO; run `pip install "preference-stacker[openvino]"`.')
        )
    return Chosen("torch", FP32, None, tuple(passed_over))


def probe(kind: str, folder: Path, longest: int, vocabulary: int) -> None:
    """Have a copy and its tokenizer run on a few texts, and check what comes of it.

    Parameters
    ----------
    longest, vocabulary : int
        Tokens of a text at most, and those that there are.

    Raises
    ------
    DamagedError
        When it does not run, or takes too much to.
    """
    with tempfile.TemporaryDirectory(prefix="probe-") as place:
        log = Path(place) / "log"
        try:
            status, _ = run_apart(
                "features.encoder.engines.copies", [kind, str(folder), str(longest), str(vocabulary)], BOUNDS, log
            )
        except TooMuch as fault:
            raise DamagedError(folder, f"its copy of the encoder takes {fault} to run") from None
        if status:
            told = log.read_text("utf-8", "replace").strip().rpartition("\n")[2][:160].rstrip(".")
            raise DamagedError(folder, f"its copy of the encoder does not run ({told or f'status {status}'})")


def main(kind: str, folder: Path, longest: int, vocabulary: int) -> None:
    """Do what `probe` asks for; ends with status 1 and a sentence on standard error where it does not work."""
    end_with_the_parent()
    try:
        if (folder / SAVED).is_file():
            SavedTokens(folder, vocabulary).ids(_TEXTS)
        ids = [np.linspace(0, vocabulary - 1, count).astype(int).tolist() for count in (1, 2, longest // 2, longest)]
        rows = kind_of(kind).open(folder, 1, longest).embed(ids)
        if len(rows) != len(ids) or not np.isfinite(rows).all():
            raise UserError("its rows are no numbers.")
    except UserError as fault:
        raise SystemExit(str(fault)) from None


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
