"""The process that writes with a small model: `python -m dashboard.generators.writing_worker FOLDER THREADS`.

A process of its own, so that no page waits for the interpreter's lock, and a model that runs out of memory takes no
server with it. Each message adds jobs, drops some, and has a few steps done; the answer is what was written by them.
"""

import json
import os
import sys
from pathlib import Path
from typing import Any

STEPS = 2
"""Steps between two messages: words come in at an even pace, and what was dropped costs no more than these."""


class Worker:
    """Answers messages; the model is loaded by the first."""

    def __init__(self, folder: str, threads: int) -> None:
        self._folder, self._threads = folder, threads
        self._writer: Any = None

    def answer(self, message: bytes) -> bytes:
        """Return the answer to a message: `written`, or `fault` with the code of a `GenerationFault` and its fields."""
        try:
            return json.dumps(self._answer(json.loads(message))).encode()
        except MemoryError:
            self._writer = None
            return json.dumps({"fault": "out_of_memory", "details": {"folder": self._folder}}).encode()
        except Exception as fault:
            # whatever breaks in a model of somebody's own: the page says it, and the next question begins anew
            self._writer = None
            text = (str(fault).strip().partition("\n")[0] or type(fault).__name__)[:200]
            return json.dumps({"fault": "failed", "details": {"folder": self._folder, "message": text}}).encode()

    def _answer(self, asked: dict[str, Any]) -> dict[str, Any]:
        from pipelines.errors import UserError

        if self._writer is None:
            try:
                self._writer = self._loaded()
            except UserError:
                return {"fault": "no_folder", "details": {"folder": self._folder}}
        from dashboard.generators.batch_writing import WritingJob

        self._writer.drop(asked.get("drop", ()))
        self._writer.add([WritingJob(**job) for job in asked.get("add", ())])
        written: list[list[Any]] = []
        for _ in range(STEPS):
            written += [[each.number, each.text, each.ended] for each in self._writer.step()]
        return {"written": written}

    def _loaded(self) -> Any:
        import torch

        from dashboard.generators.batch_writing import BatchWriter
        from pipelines.models.model_loading import load_generator

        torch.set_num_threads(self._threads)
        tokenizer, model = load_generator(Path(self._folder))
        return BatchWriter(tokenizer, model.to(torch.bfloat16 if _multiplies_bfloat16() else torch.float32))


def _multiplies_bfloat16() -> bool:
    """Tell whether the processor multiplies bfloat16 numbers itself, which halves what is read from memory."""
    try:
        from torch.cpu import _is_amx_tile_supported, _is_avx512_bf16_supported
    except ImportError:  # other versions of torch
        return False
    return bool(_is_avx512_bf16_supported() or _is_amx_tile_supported())


def main() -> None:
    """Serve on the standard streams."""
    from pipelines.terminal.processes import run_worker

    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # before torch: threads that spin would take the judge's time
    run_worker(Worker(sys.argv[1], int(sys.argv[2])).answer)


if __name__ == "__main__":
    main()
