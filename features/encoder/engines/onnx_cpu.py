"""ONNX Runtime on a CPU: each text alone through one thread; several threads share the texts."""

from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from features.encoder.engines.conversion import HIDDEN, IDS, MASK, ROW, TYPES
from features.encoder.engines.engine import Ids, in_threads, longest_first
from pipelines.battles.arrays import Floats32

FILE = "model.onnx"
OPSET = 17
_BLOCKS = (128, 32)
"""Weights that share a scale in int8; the first that the width can be divided by."""
_MIDDLE, _STEPS = 128, 127


class Onnx:
    """Exports by torch's own exporter and keeps one ONNX file."""

    name = "onnx"
    packages: tuple[str, ...] = ("onnxruntime", "onnx")

    def convert(self, module: Any, example: Ids, folder: Path) -> None:
        """Write a copy of a torch module, as `Kind` says."""
        import torch

        ids = torch.tensor([example])
        taken = {IDS: ids, MASK: torch.ones_like(ids), TYPES: torch.zeros_like(ids)}
        torch.onnx.export(
            module,
            tuple(taken[name] for name in module.inputs),
            str(folder / FILE),
            input_names=list(module.inputs),
            output_names=[ROW, HIDDEN],
            dynamic_axes={name: {1: "tokens"} for name in (*module.inputs, HIDDEN)},
            opset_version=OPSET,
            dynamo=False,  # the other exporter needs two packages more
        )

    def quantise(self, source: Path, folder: Path) -> None:
        """Write a copy whose linear maps have weights of 8 bits in blocks (the operator MatMulNBits)."""
        onnx = import_module("onnx")
        model = onnx.load(str(source / FILE))
        weights = {each.name: each for each in model.graph.initializer}
        rounded: set[str] = set()
        nodes = [_rounded(onnx, model.graph, node, weights, rounded) for node in model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        used = {name for node in nodes for name in node.input}
        kept = [each for each in model.graph.initializer if each.name in used]
        del model.graph.initializer[:]
        model.graph.initializer.extend(kept)
        model.opset_import.append(onnx.helper.make_opsetid("com.microsoft", 1))
        onnx.save(model, str(folder / FILE))

    def open(self, folder: Path, threads: int, longest: int) -> "Session":
        """Load a copy."""
        return Session(folder / FILE, threads)


def _rounded(onnx: Any, graph: Any, node: Any, weights: dict[str, Any], rounded: set[str]) -> Any:
    """Return a product with weights as one with weights of 8 bits, which are added to the graph; others as they are."""
    if node.op_type != "MatMul" or node.input[1] not in weights:
        return node
    name = node.input[1]
    matrix = onnx.numpy_helper.to_array(weights[name])
    block = next((each for each in _BLOCKS if matrix.ndim == 2 and matrix.shape[0] % each == 0), None)
    if block is None:
        return node
    if name not in rounded:  # some models use the weights of one layer for all
        rounded.add(name)
        blocks = matrix.T.reshape(matrix.shape[1], -1, block).astype(np.float32)
        scale = np.maximum(np.abs(blocks).max(axis=2) / _STEPS, 1e-12).astype(np.float32)
        steps = (np.rint(blocks / scale[:, :, None]) + _MIDDLE).astype(np.uint8)
        graph.initializer.append(onnx.numpy_helper.from_array(steps, f"{name}_int8"))
        graph.initializer.append(onnx.numpy_helper.from_array(scale.reshape(-1), f"{name}_scale"))
    return onnx.helper.make_node(
        "MatMulNBits",
        [node.input[0], f"{name}_int8", f"{name}_scale"],
        list(node.output),
        name=node.name,
        domain="com.microsoft",
        K=matrix.shape[0],
        N=matrix.shape[1],
        bits=8,
        block_size=block,
        accuracy_level=4,  # what comes is rounded to int8, too
    )


class Session:
    """A loaded copy; `threads` texts at once, each on one core."""

    def __init__(self, path: Path, threads: int) -> None:
        onnxruntime = import_module("onnxruntime")
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = settings.inter_op_num_threads = 1
        settings.log_severity_level = 3
        self.threads = threads
        self._session = onnxruntime.InferenceSession(str(path), settings, providers=["CPUExecutionProvider"])
        self._inputs = [each.name for each in self._session.get_inputs()]

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array."""
        return longest_first(ids, self.threads, lambda each: self._run(ROW, each, None))

    def states(self, ids: Sequence[Ids], types: Sequence[Ids]) -> list[Floats32]:
        """Return the last hidden states of each text, (its tokens, d)."""
        pairs = [_Text(*each) for each in zip(ids, types, strict=True)]
        return in_threads(pairs, self.threads, lambda each: self._run(HIDDEN, each.ids, each.types))

    def _run(self, output: str, ids: Ids, types: Ids | None) -> Any:
        tokens = np.array([ids], dtype=np.int64)
        more = np.zeros_like(tokens) if types is None else np.array([types], dtype=np.int64)
        taken = {IDS: tokens, MASK: np.ones_like(tokens), TYPES: more}
        return self._session.run([output], {name: taken[name] for name in self._inputs})[0][0]


class _Text:
    """The ids of a text and their types; as long as the text."""

    def __init__(self, ids: Ids, types: Ids) -> None:
        self.ids, self.types = ids, types

    def __len__(self) -> int:
        return len(self.ids)
