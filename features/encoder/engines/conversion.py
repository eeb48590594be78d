"""Copies of an encoder for OpenVINO or ONNX Runtime: made once, checked against torch, and kept on disk.

A copy takes the token ids of one text, so that its row does not depend on other texts: the rows are the same to the
bit in any order and company (measured with the built-in encoder: OpenVINO's and ONNX Runtime's fp32 rows differ from
torch's by 3e-7 at most).

The int8 copy has the weights of linear maps in 8 bits, a scale a channel or block; what they are multiplied with is
rounded, when it comes, by the scale of each token's own numbers. So no texts are needed to make it, and a script that
nobody thought of has its ranges, too: with the built-in encoder a mean cosine of .9986 to fp32 on texts of all scripts,
against .9927 where ranges are taken from texts beforehand (static quantisation by NNCF). Every copy is checked by
`check_texts.yaml`, and one that strays is refused.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import yaml
from pydantic import Field

from features.encoder.engines.engine import Engine, Ids
from features.encoder.engines.pytorch import OneByOne
from features.encoder.tokens import Tokens
from pipelines.battles.arrays import Floats32
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_folder, write_json
from pipelines.files.hashes import code_version, library_version
from pipelines.files.saved_files import Saved, read_model, read_object

LEAST_COSINE = 0.995
"""Mean cosine to the fp32 rows from which int8 is accepted."""
LOWEST_COSINE = 0.98
"""Cosine to fp32 that every text must have, so that no script is an exception."""
LEAST_CONVERTED_COSINE = 0.9999
"""Lowest cosine between a converted copy and torch; a model that does not convert exactly is refused."""
FP32, INT8 = "fp32", "int8"
REFUSED = "refused"
"""A folder whose name begins with this says that a copy was refused, so that it is not made again and again."""
REPORT = "int8.json"
MADE = "made.txt"
"""Says which libraries made a copy: with others its last bits may differ."""
_MAKERS = ("torch", "transformers", "sentence-transformers")
_FAULTS = (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError)
"""What libraries raise for a model that they cannot convert or run."""
IDS, MASK, TYPES = "input_ids", "attention_mask", "token_type_ids"
ROW, HIDDEN = "row", "hidden"
"""What a copy gives: a row of unit length, and the last hidden state of every token."""


class Kind(Protocol):
    """A library that runs converted copies.

    Attributes
    ----------
    name : str
        As in `encoder.engine`, and the name of the extra that installs it.
    packages : tuple of str
        Packages that it takes to convert and to run.
    """

    name: str
    packages: tuple[str, ...]

    def convert(self, module: Any, example: Ids, folder: Path) -> None:
        """Write a copy of a torch module of `inputs` (`IDS`, `MASK`, perhaps `TYPES`), which gives `ROW`, `HIDDEN`."""

    def quantise(self, source: Path, folder: Path) -> None:
        """Write an int8 copy of the fp32 copy in `source`."""

    def open(self, folder: Path, threads: int, longest: int) -> Engine:
        """Load a copy that will see `longest` tokens at most."""


class RefusedError(UserError):
    """A copy that cannot be made, or strays too far from the model."""


@dataclass(frozen=True)
class Copies:
    """The copies of one encoder for one kind of engine, in a folder whose name says for which weights and versions.

    `load` gives the torch model (a `SentenceTransformer` of rows of unit length), `tokens` what makes token ids,
    `examples` the ids of short and long texts to convert with and to check by. A text has `longest` tokens at most;
    errors call the encoder by its `name`.
    """

    kind: Kind
    folder: Path
    load: Callable[[], Any]
    tokens: Callable[[], Tokens]
    examples: Callable[[], Sequence[Ids]]
    longest: int
    name: str

    def place(self, precision: str) -> Path:
        """Return the folder of a copy, which may be missing."""
        return self.folder / precision

    def made(self, precision: str) -> Path:
        """Return the folder of a copy, made when missing.

        Raises
        ------
        RefusedError
            When the model does not convert, or its rows stray too far; it says how far. That is kept, too.
        """
        place, refused = self.place(precision), self.folder / f"{REFUSED}-{precision}"
        if (place / MADE).is_file():
            return place
        if (refused / REPORT).is_file():
            raise RefusedError(str(read_object(refused / REPORT).get("why", "it was refused before.")))
        try:
            with atomic_folder(place, keep=True) as part:
                self.tokens().save(part)
                with undisturbed():
                    (self._quantise if precision == INT8 else self._convert)(part)
                (part / MADE).write_text(", ".join(f"{name} {library_version(name)}" for name in _MAKERS))
        except RefusedError as fault:
            with atomic_folder(refused, keep=True) as part:
                write_json(part / REPORT, {"why": str(fault)})
            raise
        return place

    def _convert(self, part: Path) -> None:
        model, examples = self.load(), self.examples()
        try:
            self.kind.convert(_module_of(model), max(examples, key=len), part)
            found = self.kind.open(part, 1, self.longest).embed(examples)
        except _FAULTS as fault:
            raise self._does_not_convert(fault) from fault
        cosine = float(cosines(found, OneByOne(model, 1).embed(examples)).min())
        if not cosine >= LEAST_CONVERTED_COSINE:
            raise RefusedError(
                f"encoder.engine {self.kind.name}: {self.name} does not convert exactly (cosine {cosine:.4f} "
                f"to torch, {LEAST_CONVERTED_COSINE} is needed); set encoder.engine to torch."
            )

    def _quantise(self, part: Path) -> None:
        source, examples = self.made(FP32), self.examples()
        try:
            self.kind.quantise(source, part)
            # One after the other, so that only one of them is held.
            same = cosines(*(self.kind.open(folder, 1, self.longest).embed(examples) for folder in (part, source)))
        except _FAULTS as fault:
            raise self._does_not_convert(fault) from fault
        mean, lowest = float(same.mean()), float(same.min())
        if not (mean >= LEAST_COSINE and lowest >= LOWEST_COSINE):
            raise RefusedError(
                f"encoder.precision int8: the mean cosine to fp32 is {mean:.4f} (lowest {lowest:.3f}) on "
                f"{len(examples)} texts, {LEAST_COSINE} ({LOWEST_COSINE}) is needed; set encoder.precision to fp32."
            )
        report = {"texts": "", "learnt": 0, "checked": len(examples)}
        write_json(part / REPORT, {**report, "mean_cosine": mean, "lowest_cosine": lowest})

    def _does_not_convert(self, fault: Exception) -> RefusedError:
        first = str(fault).strip().partition("\n")[0][:160].rstrip(".") or type(fault).__name__
        return RefusedError(
            f"encoder.engine {self.kind.name}: {self.name} does not convert ({first}); set encoder.engine to torch."
        )


class Report(Saved):
    """What is written of an int8 copy: how many texts it was checked by, mean and lowest cosine.

    Copies in older judges took their ranges from `learnt` texts, whose digest is `texts`.
    """

    texts: str = Field(pattern="^[0-9a-f]{0,64}$")
    learnt: int
    checked: int
    mean_cosine: float
    lowest_cosine: float


def read_report(folder: Path) -> dict[str, Any]:
    """Return what is written of an int8 copy, as `Report` has it. Raises a `DamagedError` where it cannot be read."""
    return read_model(folder / REPORT, Report).model_dump()


def versions(kind: Kind) -> tuple[str, ...]:
    """Return what a copy depends on besides the model, code and packages; a `UserError` where one is missing."""
    found = [code_version(__name__, type(kind).__module__, "features.encoder.tokens", follow=False)]
    for package in kind.packages:
        try:
            found.append(f"{package} {version_of(package)}")
        except PackageNotFoundError:
            raise UserError(
                f"encoder.engine {kind.name}: the package {package} is not installed; run "
                f'`pip install "preference-stacker[{kind.name}]"`, or set encoder.engine to auto.'
            ) from None
    return tuple(found)


@cache
def check_texts() -> tuple[str, ...]:
    """Return texts of many scripts and lengths, the longest of several hundred words."""
    texts = yaml.safe_load(Path(__file__).with_name("check_texts.yaml").read_text(encoding="utf-8"))
    return (*texts, " ".join(texts[1:4]) * 3, "\n".join(texts[7:]) * 2)


def cosines(one: Floats32, other: Floats32) -> Floats32:
    """Return the cosine of each of n rows of unit length with the other's, (n,)."""
    return np.einsum("nd,nd->n", one.astype(np.float64), other.astype(np.float64)).astype(np.float32)


def openvino() -> Any:
    """Import OpenVINO without its telemetry.

    It sends an event over the network when it is imported, unless the package openvino_telemetry is not there.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return import_module("openvino")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep converters from showing their bars and warnings, which say nothing that the checks do not."""
    import logging

    loud = [logging.getLogger(name) for name in ("torch.onnx", "onnxruntime", "transformers")]
    levels = [logger.level for logger in loud]
    for logger in loud:
        logger.setLevel(logging.ERROR)
    try:
        with open(os.devnull, "w") as nowhere, redirect_stdout(nowhere), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loud, levels, strict=True):
            logger.setLevel(level)


def _module_of(model: Any) -> Any:
    """Return a torch module from ids, their mask and, where the model takes them, types, to `ROW` and `HIDDEN`.

    Its `inputs` are the names of what it takes, in order.
    """
    import inspect

    import torch

    takes_types = TYPES in inspect.signature(model[0].auto_model.forward).parameters

    class Converted(torch.nn.Module):
        inputs = (IDS, MASK, TYPES) if takes_types else (IDS, MASK)

        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: Any, attention_mask: Any, token_type_ids: Any = None) -> Any:
            taken = {IDS: input_ids, MASK: attention_mask}
            if token_type_ids is not None:
                taken[TYPES] = token_type_ids
            found = self.model(taken)
            return found["sentence_embedding"], found["token_embeddings"]

    return Converted().eval()
