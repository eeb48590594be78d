"""OpenVINO on a CPU: each text a request of its own, as many at once as there are threads."""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from features.blocks import Floats
from features.engines.base import Ids
from features.engines.conversion import openvino, quantised

FILE = "model.xml"
INPUT = "input_ids"


class OpenVino:
    """Converts from torch directly and keeps OpenVINO's own format (`model.xml` and its weights)."""

    name = "openvino"
    packages: tuple[str, ...] = ("openvino",)

    def convert(self, row: Any, example: Ids, folder: Path) -> None:
        """Write a copy of a torch module that takes (1, tokens) ids and gives one row."""
        import torch

        ov = openvino()
        with torch.no_grad():
            found = ov.convert_model(
                row, example_input={INPUT: torch.tensor([example])}, input=[(INPUT, [1, -1], ov.Type.i64)]
            )
        ov.save_model(found, folder / FILE, compress_to_fp16=False)

    def quantise(self, source: Path, ids: Sequence[Ids], folder: Path) -> None:
        """Write an int8 copy of the fp32 copy in `source`, its ranges taken from the texts."""
        ov = openvino()
        model = ov.Core().read_model(source / FILE)
        made = quantised(model, [{INPUT: _array(each)} for each in ids])
        ov.save_model(made, folder / FILE, compress_to_fp16=False)

    def open(self, folder: Path, threads: int) -> "Requests":
        """Load a copy."""
        return Requests(folder / FILE, threads)


class Requests:
    """A loaded copy that answers `threads` requests at once, each on one core."""

    def __init__(self, path: Path, threads: int) -> None:
        ov = openvino()
        settings = {
            "PERFORMANCE_HINT": "THROUGHPUT",
            "NUM_STREAMS": str(threads),
            "INFERENCE_NUM_THREADS": str(threads),
            # On processors that can, OpenVINO would compute in bf16.
            "INFERENCE_PRECISION_HINT": "f32",
            # Pinned to cores, two processes would share one core and leave another idle.
            "ENABLE_CPU_PINNING": False,
        }
        self._model = ov.Core().compile_model(path, "CPU", settings)
        self._width = int(self._model.output(0).partial_shape[1].get_length())
        self._queue = ov.AsyncInferQueue(self._model, threads + 1)
        self._lock = Lock()  # the queue has one callback

    def embed(self, ids: Sequence[Ids]) -> Floats:
        """Return an (n, d) float32 array; the longest texts are begun first, so that the threads end together."""
        rows = np.empty((len(ids), self._width), dtype=np.float32)

        def keep(request: Any, place: int) -> None:
            rows[place] = request.get_output_tensor(0).data[0]

        with self._lock:
            self._queue.set_callback(keep)
            for place in sorted(range(len(ids)), key=lambda place: len(ids[place]), reverse=True):
                self._queue.start_async({0: _array(ids[place])}, place)
            self._queue.wait_all()
        return rows


def _array(ids: Ids) -> Any:
    return np.array([ids], dtype=np.int64)
