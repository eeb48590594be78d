"""Copies of an encoder for OpenVINO or ONNX Runtime: made once, checked against torch, and kept on disk.

A copy takes the token ids of one text, so that its row does not depend on other texts: the rows are the same to the
bit in any order and company (measured with the built-in encoder: OpenVINO's and ONNX Runtime's fp32 rows differ from
torch's by 3e-7 at most).

The int8 copy is quantised statically by NNCF (smooth quantisation, made for transformers), its ranges taken from the
user's own texts, and refused where its rows stray too far from those of fp32 on other texts of the user.
"""

import os
import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError
from importlib.metadata import version as version_of
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from pydantic import Field

from features.encoder.engines.engine import Engine, Ids
from features.encoder.engines.pytorch import OneByOne
from features.encoder.tokens import Tokens
from pipelines.battles.arrays import Floats32
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_folder, write_json
from pipelines.files.hashes import code_version
from pipelines.files.saved_files import Saved, checking, read_object

LEAST_COSINE = 0.995
"""Mean cosine to the fp32 rows from which int8 is accepted."""
LEAST_CONVERTED_COSINE = 0.9999
"""Lowest cosine between a converted copy and torch; a model that does not convert exactly is refused."""
REPORT = "int8.json"


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

    def convert(self, row: Any, example: Ids, folder: Path) -> None:
        """Write a copy of a torch module that takes (1, tokens) ids, and their mask if given, and gives one row."""

    def quantise(self, source: Path, ids: Sequence[Ids], folder: Path, longest: int) -> None:
        """Write an int8 copy of the fp32 copy in `source`, its ranges taken from the texts."""

    def open(self, folder: Path, threads: int, longest: int) -> Engine:
        """Load a copy that will see `longest` tokens at most."""


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

    @property
    def place(self) -> Path:
        """The folder of the fp32 copy."""
        return self.folder / "fp32"

    def fp32(self) -> Path:
        """Return the folder of the fp32 copy, made when missing; a `UserError` where it does not convert exactly."""
        if not self.place.is_dir():
            model, examples = self.load(), self.examples()
            with atomic_folder(self.place, keep=True) as part:
                self.tokens().save(part)
                with undisturbed():
                    try:
                        self.kind.convert(_row_of(model), max(examples, key=len), part)
                        found = self.kind.open(part, 1, self.longest).embed(examples)
                    except (RuntimeError, ValueError, TypeError, NotImplementedError, AttributeError) as fault:
                        first = str(fault).strip().partition("\n")[0][:160].rstrip(".") or type(fault).__name__
                        raise UserError(
                            f"encoder.engine {self.kind.name}: {self.name} does not convert ({first}); "
                            f"set encoder.engine to torch."
                        ) from fault
                cosine = float(cosines(found, OneByOne(model, 1).embed(examples)).min())
                if not cosine >= LEAST_CONVERTED_COSINE:
                    raise UserError(
                        f"encoder.engine {self.kind.name}: {self.name} does not convert exactly (cosine {cosine:.4f} "
                        f"to torch, {LEAST_CONVERTED_COSINE} is needed); set encoder.engine to torch."
                    )
        return self.place

    def int8(self, digest: str, learnt: Sequence[Ids], checked: Sequence[Ids], threads: int) -> Path:
        """Return the folder of the int8 copy, made when missing.

        Parameters
        ----------
        digest : str
            Names the texts.
        learnt : lists of token ids
            Texts that the ranges are taken from.
        checked : lists of token ids
            Other texts, by which the copy is accepted.

        Raises
        ------
        UserError
            When the mean cosine to fp32 is lower than `LEAST_COSINE`; it says the figure.
        """
        place = self.folder / f"int8-{digest}"
        if not place.is_dir():
            source = self.fp32()
            with atomic_folder(place, keep=True) as part:
                self.tokens().save(part)
                with undisturbed():
                    self.kind.quantise(source, learnt, part, self.longest)
                    # One after the other, so that only one of them is held.
                    rows = [self.kind.open(folder, threads, self.longest).embed(checked) for folder in (part, source)]
                    same = cosines(*rows)
                mean, lowest = float(same.mean()), float(same.min())
                if not mean >= LEAST_COSINE:
                    raise UserError(
                        f"encoder.precision int8: the mean cosine to fp32 is {mean:.4f} (lowest {lowest:.3f}) on "
                        f"{len(checked)} of your texts, {LEAST_COSINE} is needed; set encoder.precision to fp32."
                    )
                report = {"texts": digest, "learnt": len(learnt), "checked": len(checked)}
                write_json(part / REPORT, {**report, "mean_cosine": mean, "lowest_cosine": lowest})
        return place


class Report(Saved):
    """What is written of an int8 copy: its texts' digest, their numbers, mean and lowest cosine."""

    texts: str = Field(pattern="^[0-9a-f]{1,64}$")
    learnt: int
    checked: int
    mean_cosine: float
    lowest_cosine: float


def read_report(folder: Path) -> dict[str, Any]:
    """Return what is written of an int8 copy, as `Report` has it. Raises a `DamagedError` where it cannot be read."""
    with checking(folder / REPORT):
        return Report.model_validate(read_object(folder / REPORT)).model_dump()


def versions(kind: Kind, int8: bool) -> tuple[str, ...]:
    """Return what a copy depends on besides the model, code and packages; a `UserError` where one is missing."""
    found = [code_version(__name__, type(kind).__module__, "features.encoder.tokens", follow=False)]
    for package in (*kind.packages, "nncf") if int8 else kind.packages:
        try:
            found.append(f"{package} {version_of(package)}")
        except PackageNotFoundError:
            raise UserError(
                f"encoder.engine {kind.name}: the package {package} is not installed; run "
                f'`pip install "preference-stacker[{kind.name}]"`, or set encoder.engine to torch.'
            ) from None
    return tuple(found)


def quantised(model: Any, inputs: Sequence[dict[str, Any]]) -> Any:
    """Return NNCF's int8 version of an OpenVINO or ONNX model, its ranges taken from the inputs."""
    nncf = _reticent("nncf")
    return nncf.quantize(
        model, nncf.Dataset(list(inputs)), subset_size=len(inputs), model_type=nncf.ModelType.TRANSFORMER
    )


def cosines(one: Floats32, other: Floats32) -> Floats32:
    """Return the cosine of each of n rows of unit length with the other's, (n,)."""
    return np.einsum("nd,nd->n", one.astype(np.float64), other.astype(np.float64)).astype(np.float32)


def _reticent(name: str) -> Any:
    """Import OpenVINO or NNCF without their telemetry.

    Both send an event over the network when they are imported, unless the package openvino_telemetry is not there.
    """
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    return import_module(name)


def openvino() -> Any:
    """Import OpenVINO, which goes to the network for nothing."""
    return _reticent("openvino")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Keep converters from showing their bars and warnings, which say nothing that the checks do not."""
    import logging

    loud = [logging.getLogger(name) for name in ("nncf", "torch.onnx", "onnxruntime")]
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


def _row_of(model: Any) -> Any:
    """Return a torch module from (1, tokens) ids to one row; every token counts, as nothing is padded."""
    import torch

    class Row(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, input_ids: torch.Tensor, attention_mask: torch.Tensor | None = None) -> Any:
            mask = torch.ones_like(input_ids) if attention_mask is None else attention_mask
            return self.model({"input_ids": input_ids, "attention_mask": mask})["sentence_embedding"]

    return Row().eval()
