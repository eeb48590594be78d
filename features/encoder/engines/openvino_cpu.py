"""OpenVINO on a CPU: each text a request of its own, as many at once as there are threads.

OpenVINO compiles its kernels anew for each length that it meets, and keeps them: with the built-in encoder on two
threads 12 ms a length, and 1.5 GB once every length up to 256 has come. Ids are therefore filled up to a multiple of
`STEP` under a mask: few lengths, and still a text's row depends on the text alone.
"""

from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from features.encoder.engines.conversion import openvino, quantised
from features.encoder.engines.engine import Ids, filled, rounded_up
from pipelines.battles.arrays import Floats32

FILE = "model.xml"
INPUT, MASK = "input_ids", "attention_mask"
STEP = 16
"""Tokens; lengths are rounded up to a multiple of this."""


class OpenVino:
    """Converts from torch directly and keeps OpenVINO's own format (`model.xml` and its weights)."""

    name = "openvino"
    packages: tuple[str, ...] = ("openvino",)

    def convert(self, row: Any, example: Ids, folder: Path) -> None:
        """Write a copy of a torch module that takes (1, tokens) ids and their mask and gives one row."""
        import torch

        ov = openvino()
        ids = torch.tensor([example])
        with torch.no_grad():
            found = ov.convert_model(
                row,
                example_input={INPUT: ids, MASK: torch.ones_like(ids)},
                input=[(name, [1, -1], ov.Type.i64) for name in (INPUT, MASK)],
            )
        ov.save_model(found, folder / FILE, compress_to_fp16=False)

    def quantise(self, source: Path, ids: Sequence[Ids], folder: Path, longest: int) -> None:
        """Write an int8 copy of the fp32 copy in `source`, its ranges taken from the texts."""
        ov = openvino()
        model = ov.Core().read_model(source / FILE)
        made = quantised(model, [inputs_of(each, longest) for each in ids])
        ov.save_model(made, folder / FILE, compress_to_fp16=False)

    def open(self, folder: Path, threads: int, longest: int) -> "Requests":
        """Load a copy."""
        return Requests(folder / FILE, threads, longest)


class Requests:
    """A loaded copy that answers `threads` requests at once, each on one core."""

    def __init__(self, path: Path, threads: int, longest: int) -> None:
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
        self._masked = len(self._model.inputs) > 1  # copies in older judges take ids alone
        self._longest = longest
        self._queue = ov.AsyncInferQueue(self._model, threads + 1)
        self._lock = Lock()  # the queue has one callback

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array; the longest texts are begun first, so that the threads end together."""
        rows = np.empty((len(ids), self._width), dtype=np.float32)

        def keep(request: Any, place: int) -> None:
            rows[place] = request.get_output_tensor(0).data[0]

        with self._lock:
            self._queue.set_callback(keep)
            for place in sorted(range(len(ids)), key=lambda place: len(ids[place]), reverse=True):
                self._queue.start_async(self._inputs(ids[place]), place)
            self._queue.wait_all()
        return rows

    def _inputs(self, ids: Ids) -> dict[Any, Any]:
        return inputs_of(ids, self._longest) if self._masked else {0: np.array([ids], dtype=np.int64)}


def inputs_of(ids: Ids, longest: int) -> dict[str, Any]:
    """Return ids and mask as (1, tokens) int64 arrays, filled up to a multiple of `STEP` but not past `longest`.

    What stands in the filled places is masked, so it does not matter; 0 is a token of every vocabulary.
    """
    found = filled([ids], min(rounded_up(len(ids), STEP), longest), padding=0)
    return dict(zip((INPUT, MASK), found, strict=True))
