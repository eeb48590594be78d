"""How token ids become embeddings so that a text's row does not depend, bitwise, on the texts beside it.

The last bits of a matrix product depend on its shape: the same text alone and in a batch differ by about 1e-7, and a
tree turns that into another leaf at a threshold. On a CPU each text therefore goes alone through one thread, and
several threads share the texts: about as fast as batches (measured with the built-in encoder on 300 answers of 172
tokens on two cores: 40 texts a second, against 32 to 46 in padded batches of 1,024 to 4,096 tokens). On a GPU, where
that would leave it idle, every batch of a text's length class has the same shape, filled up where texts are missing.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np

from features.encoder.choice import ResolvedEncoder
from features.encoder.engines.engine import Ids, filled, longest_first, rounded_up
from pipelines.battles.arrays import Floats32
from pipelines.errors import UserError
from pipelines.models.model_loading import OWN_FILES, SAFE_WEIGHTS, explained, load_backbone, quiet

_LENGTH_CLASS = 32
"""On a GPU, lengths are rounded up to a multiple of this."""


class OneByOne:
    """Each text alone through one thread of a CPU; `threads` of them at once."""

    def __init__(self, model: Any, threads: int) -> None:
        self.model = model
        self.threads = threads

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array."""
        return longest_first(ids, self.threads, self._row, one_thread)

    def _row(self, ids: Ids) -> Any:
        import torch

        with torch.inference_mode():
            tokens = torch.tensor([ids])
            found = self.model({"input_ids": tokens, "attention_mask": torch.ones_like(tokens)})
            return found["sentence_embedding"][0].numpy()


class SameShape:
    """Batches on a GPU whose shape follows from a text's own length class."""

    def __init__(self, model: Any, padding: int, batch_tokens: int, precision: str) -> None:
        import torch

        dtypes = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}
        self.model = model.to(device="cuda", dtype=dtypes[precision])
        self.padding = padding
        self.batch_tokens = batch_tokens

    def embed(self, ids: Sequence[Ids]) -> Floats32:
        """Return an (n, d) float32 array."""
        import torch

        classes: dict[int, list[int]] = {}
        for place, text in enumerate(ids):
            classes.setdefault(rounded_up(len(text), _LENGTH_CLASS), []).append(place)
        rows: list[Any] = [None] * len(ids)
        try:
            for length, places in sorted(classes.items(), reverse=True):
                count = max(1, self.batch_tokens // length)
                for start in range(0, len(places), count):
                    part = places[start : start + count]
                    for place, row in zip(
                        part, self._batch([ids[place] for place in part], count, length), strict=False
                    ):
                        rows[place] = row
        except torch.OutOfMemoryError as fault:
            raise UserError(
                f"encoder.batch_tokens {self.batch_tokens}: does not fit into the GPU's memory; lower it."
            ) from fault
        return np.array(rows, dtype=np.float32)

    def _batch(self, texts: Sequence[Ids], count: int, length: int) -> Any:
        import torch

        tokens, mask = filled([texts[row % len(texts)] for row in range(count)], length, self.padding)
        with torch.inference_mode():
            found = self.model(
                {"input_ids": torch.from_numpy(tokens).to("cuda"), "attention_mask": torch.from_numpy(mask).to("cuda")}
            )
            return found["sentence_embedding"].float().cpu().numpy()


def one_thread() -> None:
    """Have the calling worker use one thread; what several texts at once need."""
    import torch

    torch.set_num_threads(1)  # of this worker only


def load_sentence_model(encoder: ResolvedEncoder) -> Any:
    """Load a `SentenceTransformer` for the CPU, in float32, that gives rows of unit length, or raise a `UserError`."""
    # Says what is wrong; sentence-transformers would go on with random weights.
    load_backbone(encoder.folder, encoder.name)
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.sentence_transformer.modules import Normalize, Pooling, Transformer

    whole = {**SAFE_WEIGHTS, "dtype": "float32"}
    own: dict[str, Any] = {"model_kwargs": whole, "processor_kwargs": OWN_FILES, "config_kwargs": OWN_FILES}
    folder = str(encoder.folder)
    with explained(f"encoder {encoder.name} ({folder})", "sentence-transformers cannot load it"), quiet():
        if (encoder.folder / "modules.json").is_file():
            modules = list(SentenceTransformer(folder, device="cpu", **OWN_FILES, **own))
        else:
            body = Transformer(folder, **own)
            modules = [body, Pooling(body.get_embedding_dimension(), pooling_mode="mean")]
        if not isinstance(modules[-1], Normalize):
            modules.append(Normalize())
        return SentenceTransformer(modules=modules, device="cpu").eval()
