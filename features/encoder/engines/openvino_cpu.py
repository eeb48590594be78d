"""OpenVINO on a CPU: each text a request of its own, as many at once as there are threads.

OpenVINO compiles its kernels anew for each length that it meets, and keeps them: with the built-in encoder on two
threads 12 ms a length, and 1.5 GB once every length up to 256 has come. Ids are therefore filled up to a multiple of
`STEP` under a mask: few lengths, and still a text's row depends on the text alone.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from features.encoder.engines.conversion import HIDDEN, IDS, MASK, ROW, TYPES, openvino
from features.encoder.engines.engine import Ids, filled, rounded_up
from pipelines.battles.arrays import Floats32

FILE = "model.xml"
STEP = 16
"""Tokens; lengths are rounded up to a multiple of this."""
GROUP = 128
"""Numbers of a token that share a scale when they are rounded to int8. With the built-in encoder 32 take 1.25 times as
long for a mean cosine of .9990 instead of .9986, and a whole token's 384 are no faster, for .9973."""
_STEPS = 127
"""Steps of int8 to each side of 0."""


class OpenVino:
    """Converts from torch directly and keeps OpenVINO's own format (`model.xml` and its weights)."""

    name = "openvino"
    packages: tuple[str, ...] = ("openvino",)

    def convert(self, module: Any, example: Ids, folder: Path) -> None:
        """Write a copy of a torch module, as `Kind` says."""
        import torch

        ov = openvino()
        ids = torch.tensor([example])
        taken = {IDS: ids, MASK: torch.ones_like(ids), TYPES: torch.zeros_like(ids)}
        with torch.no_grad():
            found = ov.convert_model(
                module,
                example_input={name: taken[name] for name in module.inputs},
                input=[(name, [1, -1], ov.Type.i64) for name in module.inputs],
            )
        for output, name in zip(found.outputs, (ROW, HIDDEN), strict=True):
            output.get_tensor().set_names({name})
        ov.save_model(found, folder / FILE, compress_to_fp16=False)

    def quantise(self, source: Path, folder: Path) -> None:
        """Write a copy whose linear maps have weights of int8, a scale a channel."""
        ov = openvino()
        from openvino import opset13 as ops

        model = ov.Core().read_model(source / FILE)
        for node in model.get_ordered_ops():
            if node.get_type_name() != "MatMul" or node.input_value(1).get_node().get_type_name() != "Constant":
                continue
            weights = node.input_value(1).get_node().get_data()
            if weights.ndim != 2:
                continue
            along = 1 if node.get_attributes()["transpose_b"] else 0  # the axis that is summed over
            scale = np.maximum(np.abs(weights).max(axis=along, keepdims=True) / _STEPS, 1e-12).astype(np.float32)
            rounded = ops.constant(np.rint(weights / scale).astype(np.int8))
            restored = ops.multiply(ops.convert(rounded, "f32"), ops.constant(scale))
            node.input(1).replace_source_output(restored.output(0))
        model.validate_nodes_and_infer_types()
        ov.save_model(model, folder / FILE, compress_to_fp16=False)

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
            # Rounds what is multiplied with weights of int8, where the processor multiplies int8.
            "DYNAMIC_QUANTIZATION_GROUP_SIZE": str(GROUP),
            # Pinned to cores, two processes would share one core and leave another idle.
            "ENABLE_CPU_PINNING": False,
        }
        self._model = ov.Core().compile_model(path, "CPU", settings)
        self._width = int(self._model.output(0).partial_shape[1].get_length())
        # Copies in older judges have no types; before that, no mask either, and one input of any name.
        self._inputs = tuple(name for each in self._model.inputs for name in each.get_names() if name in _TAKEN)
        self._longest = longest
        self._queue = ov.AsyncInferQueue(self._model, threads + 1)
        self._lock = Lock()  # the queue has one callback
        self._idle: list[Any] = []

    def begin(self, ids: Sequence[Ids]) -> Callable[[], Floats32]:
        """As `engine.Begins` says."""
        wait = self._begun(ids, None)

        def rows() -> Floats32:
            found = np.empty((len(ids), self._width), dtype=np.float32)
            wait(lambda place, output: found.__setitem__(place, output(0)[0]))
            return found

        return rows

    def begin_states(self, ids: Sequence[Ids], types: Sequence[Ids]) -> Callable[[], list[Floats32]]:
        """As `engine.Begins` says."""
        wait = self._begun(ids, types)

        def states() -> list[Floats32]:
            found: list[Any] = [None] * len(ids)
            wait(lambda place, output: found.__setitem__(place, output(1)[0, : len(ids[place])].copy()))
            return found

        return states

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array; the longest texts are begun first, so that the threads end together."""
        rows = np.empty((len(ids), self._width), dtype=np.float32)

        def keep(place: int, found: Callable[[int], Any]) -> None:
            rows[place] = found(0)[0]

        self._run(ids, None, keep)
        return rows

    def states(self, ids: Sequence[Ids], types: Sequence[Ids]) -> list[Floats32]:
        """Return the last hidden states of each text, (its tokens, d), as `embed` does."""
        states: list[Any] = [None] * len(ids)

        def keep(place: int, found: Callable[[int], Any]) -> None:
            states[place] = found(1)[0, : len(ids[place])].copy()

        self._run(ids, types, keep)
        return states

    def _begun(self, ids: Sequence[Ids], types: Sequence[Ids] | None) -> Callable[[Callable[..., None]], None]:
        """Begin on each text, the longest first; without the queue, whose callbacks would have to wait for Python."""
        begun = []
        for place in sorted(range(len(ids)), key=lambda place: len(ids[place]), reverse=True):
            try:
                request = self._idle.pop()
            except IndexError:
                request = self._model.create_infer_request()
            request.start_async(self._taken(ids[place], None if types is None else types[place]))
            begun.append((place, request))

        def wait(keep: Callable[..., None]) -> None:
            for place, request in begun:
                request.wait()
                keep(place, lambda output, request=request: request.get_output_tensor(output).data)
                self._idle.append(request)

        return wait

    def _run(self, ids: Sequence[Ids], types: Sequence[Ids] | None, keep: Callable[..., None]) -> None:
        with self._lock:
            self._queue.set_callback(
                lambda request, place: keep(place, lambda output: request.get_output_tensor(output).data)
            )
            for place in sorted(range(len(ids)), key=lambda place: len(ids[place]), reverse=True):
                self._queue.start_async(self._taken(ids[place], None if types is None else types[place]), place)
            self._queue.wait_all()

    def _taken(self, ids: Ids, types: Ids | None) -> dict[Any, Any]:
        if len(self._inputs) < 2:
            return {0: np.array([ids], dtype=np.int64)}
        taken = inputs_of(ids, types, self._longest)
        return {name: taken[name] for name in self._inputs}


_TAKEN = (IDS, MASK, TYPES)


def inputs_of(ids: Ids, types: Ids | None, longest: int) -> dict[str, Any]:
    """Return ids, mask and types as (1, tokens) int64 arrays, filled up to a multiple of `STEP`, not past `longest`.

    What stands in the filled places is masked, so it does not matter; 0 is a token of every vocabulary.
    """
    length = min(rounded_up(len(ids), STEP), longest)
    found, mask = filled([ids], length, padding=0)
    more = np.zeros_like(found) if types is None else filled([types], length, padding=0)[0]
    return dict(zip(_TAKEN, (found, mask, more), strict=True))
