"""Which converted copy an encoder's settings ask for: its folder, its version, the texts that int8 learns from.

`python -m features.encoder.engines.copies` runs the copy that a judge brings along, in a process of its own: a library
that runs copies takes them on trust, and an edited one can crash it, or never end. One that was made on this machine
is known by its hashes and not tried.
"""

import hashlib
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterable, Sequence
from functools import cache
from importlib import import_module
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any

import numpy as np

from features.cache import key_of
from features.encoder.choice import EncoderParams, ResolvedEncoder
from features.encoder.engines.conversion import Copies, Kind, read_report, versions
from features.encoder.engines.engine import Engine, Ids
from features.encoder.tokens import SAVED, SavedTokens, Tokens
from pipelines.errors import UserError
from pipelines.files.atomic_files import sha256_of
from pipelines.files.hashes import hashes_of
from pipelines.files.saved_files import DamagedError, checking
from pipelines.models.model_files import tokenizer_sha256, vocabulary_of
from pipelines.terminal.processes import Bounds, TooMuch, end_with_the_parent, run_apart

FOLDER = ".converted"
"""Inside the models' folder."""
CALIBRATION_TEXTS = 256
"""Texts an int8 copy is made with: half of them to learn from, half to check it by."""
_EXAMPLE = "Which answer is better, the first or the second one? I think that both of them are fine. "
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
    versions(kind, int8=False)
    return kind


class EncoderCopies:
    """The copies of one encoder with one set of settings; a `UserError` where a package of the engine is missing.

    `load` gives the torch model, and is called only where a copy must be made; `tokens` what makes token ids, which is
    saved with a copy; `token_ids` the ids of texts as the model takes them. `copy` is an int8 copy that a judge brings.
    """

    def __init__(
        self,
        encoder: ResolvedEncoder,
        params: EncoderParams,
        threads: int,
        load: Callable[[], Any],
        tokens: Callable[[], Tokens],
        token_ids: Callable[[Sequence[str]], list[Ids]],
        copy: Path | None = None,
    ) -> None:
        self.encoder = encoder
        self.params = params
        self.threads = threads
        self._load = load
        self._tokens = tokens
        self._token_ids = token_ids
        self.kind = kind_of(params.engine)
        self._int8 = copy if params.precision == "int8" else None
        self._brought = self._int8
        self.report = None if self._int8 is None else read_report(self._int8)

    @property
    def version(self) -> str:
        """Changes with everything that rows depend on besides the encoder itself."""
        if self.params.precision == "int8":
            # The versions that made an int8 copy are in its digest, so that a judge's copy keeps its version.
            return f"{self.kind.name}-{'' if self.report is None else self.report['texts']}"
        return "-".join(versions(self.kind, int8=False))

    def folders(self) -> list[Path]:
        """Return where copies lie that are there now, the one in use first."""
        found = [self._int8, self._copies().place]
        return [folder for folder in found if folder is not None and folder.is_dir()]

    def open(self) -> Engine:
        """Load the copy, made when missing. Raises a `DamagedError` where its library cannot read it."""
        folder = self._copies().fp32() if self.params.precision == "fp32" else self._int8
        if folder is None:
            raise RuntimeError("an int8 encoder must be calibrated first")
        if folder == self._brought and not self._made_here(folder):
            probe(self.kind.name, folder, self.params.max_tokens, vocabulary_of(self.encoder.folder))
        with checking(folder):
            return self.kind.open(folder, self.threads, self.params.max_tokens)

    def calibrate(self, learnt: Sequence[str], checked: Sequence[str]) -> None:
        """Make the int8 copy for these texts, or find it on disk; a copy that a judge brought along stays."""
        if self._int8 is not None:
            return
        made_by = versions(self.kind, int8=True)
        settings = f"{self.params.max_tokens} {self.params.head_share}"
        about = "\n".join((*made_by, settings, *(key_of(text).hex() for text in (*learnt, "", *checked))))
        digest = hashlib.sha256(about.encode()).hexdigest()[:16]
        self._int8 = self._copies().int8(digest, self._token_ids(learnt), self._token_ids(checked), self.threads)
        self.report = read_report(self._int8)

    def save(self, folder: Path) -> None:
        """Copy the int8 copy into a judge; the others are made anew where they are missing."""
        if self._int8 is not None:
            shutil.copytree(self._int8, folder)

    def _made_here(self, folder: Path) -> bool:
        """Whether a copy that a judge brought along is one that was made on this machine."""
        here = self._copies().folder / f"int8-{Path(str(self.report['texts'])).name}" if self.report else folder
        return here != folder and here.is_dir() and hashes_of(here) == hashes_of(folder)

    def _copies(self) -> Copies:
        about = [self.encoder.sha256, *versions(self.kind, int8=False)]
        about += [f"{library} {version_of(library)}" for library in ("torch", "transformers", "sentence-transformers")]
        about += [f"tokenizers {version_of('tokenizers')}", tokenizer_sha256(self.encoder.folder)]
        for name in ("config.json", "modules.json", "1_Pooling/config.json"):
            path = self.encoder.folder / name
            about.append(sha256_of(path) if path.is_file() else "")
        digest = hashlib.sha256("\n".join(about).encode()).hexdigest()[:24]
        folder = self.params.models_dir / FOLDER / f"{self.kind.name}-{digest}"
        longest = self.params.max_tokens
        return Copies(self.kind, folder, self._load, self._tokens, self._examples, longest, self.encoder.name)

    def _examples(self) -> list[Ids]:
        return self._token_ids([_EXAMPLE[:5], _EXAMPLE, _EXAMPLE * 3, _EXAMPLE * 100])


def calibration_texts(texts: Iterable[str]) -> tuple[list[str], list[str]]:
    """Choose by their content, whatever their order, the texts to learn from and those to check by."""
    chosen = sorted({text for text in texts if text.strip()}, key=key_of)[:CALIBRATION_TEXTS]
    return (chosen[::2], chosen[1::2]) if len(chosen) > 1 else (chosen or ["-"], chosen or ["-"])


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
