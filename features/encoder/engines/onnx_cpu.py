"""ONNX Runtime on a CPU: each text alone through one thread; several threads share the texts."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from features.encoder.engines.conversion import quantised
from features.encoder.engines.engine import Ids, longest_first
from pipelines.battles.arrays import Floats32

FILE = "model.onnx"
INPUT, OUTPUT = "input_ids", "row"
OPSET = 17


class Onnx:
    """Exports by torch's own exporter and keeps one ONNX file."""

    name = "onnx"
    packages: tuple[str, ...] = ("onnxruntime", "onnx")

    def convert(self, row: Any, example: Ids, folder: Path) -> None:
        """Write a copy of a torch module that takes (1, tokens) ids and gives one row."""
        import torch

        torch.onnx.export(
            row,
            (torch.tensor([example]),),
            str(folder / FILE),
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_axes={INPUT: {1: "tokens"}},
            opset_version=OPSET,
            dynamo=False,  # the other exporter needs two packages more
        )

    def quantise(self, source: Path, ids: Sequence[Ids], folder: Path, longest: int) -> None:
        """Write an int8 copy of the fp32 copy in `source`, its ranges taken from the texts."""
        onnx = import_module("onnx")
        made = quantised(onnx.load(str(source / FILE)), [{INPUT: _array(each)} for each in ids])
        onnx.save(made, str(folder / FILE))

    def open(self, folder: Path, threads: int, longest: int) -> "Session":
        """Load a copy."""
        return Session(folder / FILE, threads)


class Session:
    """A loaded copy; `threads` texts at once, each on one core."""

    def __init__(self, path: Path, threads: int) -> None:
        onnxruntime = import_module("onnxruntime")
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        self.threads = threads
        self._session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array."""
        return longest_first(ids, self.threads, self._row)

    def _row(self, ids: Ids) -> Any:
        return self._session.run([OUTPUT], {INPUT: _array(ids)})[0][0]


def _array(ids: Ids) -> Any:
    return np.array([ids], dtype=np.int64)
