"""An encoder or decoder in two halves: lower layers that stay as they are, upper ones that may learn.

What comes out of the lower half never changes during a fit, so it can be computed once and kept. Both halves share the
weights of one transformers model.
"""

import copy
import inspect
from typing import Any, Self

import torch
from torch import Tensor, nn

from pipelines.errors import UserError
from pipelines.models.model_loading import DECODERS, no_encoder

SPLITTABLE = ("bert", "distilbert", "roberta", "deberta-v2", "modernbert")
"""Architectures whose layers can be trained apart, for errors; others are tried when they come."""
_PROBED = 6
"""Tokens of a sequence by which a split is tried."""


class SplitEncoder(nn.Module):
    """A transformers encoder, or decoder without its head, whose first `start` layers are frozen.

    `causal` tells a decoder, whose tokens do not see those behind them.

    Parameters
    ----------
    start : int
        Layers of the lower half: 0 leaves everything in the upper half, the model's number of layers nothing.

    Raises
    ------
    UserError
        When it is a decoder of a family that is not known here; when its layers cannot be told apart (ALBERT
        shares one layer, some DeBERTa mix in a convolution), or both halves together are not the whole.
    """

    def __init__(self, model: Any, start: int) -> None:
        super().__init__()
        self.model = model
        self.start = start
        self.width = int(model.config.hidden_size)
        self.takes_types = "token_type_ids" in inspect.signature(model.forward).parameters
        self.causal = not self._sees_all()
        if self.causal and model.config.model_type not in DECODERS:
            raise no_encoder(model.config.name_or_path, model.config.model_type)
        path = layer_path(model)
        whole = start in (0, layer_count(model))
        # Kept out of nn.Module's registry: they are the same weights under a second name.
        self._halves: tuple[Any, Any, Any] | None = None
        if not whole and path is not None:
            layers = _get(model, path)
            lower, upper, given = _twin(model), _twin(model), _Given()
            _put(lower, path, nn.ModuleList(layers[:start]))
            if self.causal:
                # Each layer keeps its number, by which some choose their mask; embeddings may be scaled behind theirs.
                first = [*(_Passed(layer) for layer in layers[: start - 1]), given.like(layers[start - 1])]
                _put(upper, path, nn.ModuleList([*first, *layers[start:]]))
            else:
                _put(upper, path, nn.ModuleList(layers[start:]))
                upper._modules["embeddings"] = given
            object.__setattr__(self, "_halves", (lower, upper, given))
        if not whole and not (path and self._halves_are_the_whole()):
            raise UserError(
                f"transformer {model.config.name_or_path}: the layers of a {model.config.model_type} model cannot be "
                f"trained apart (those of {', '.join(SPLITTABLE)} and their like can); set tuning to frozen, lora with "
                "top_layers 0, or all."
            )
        for name, weight in model.named_parameters():
            # Those in 8 or 4 bits are whole numbers, which learn nothing.
            weight.requires_grad = weight.is_floating_point() and (start == 0 or _layer_number(name, path) >= start)

    def lower(self, batch: dict[str, Tensor]) -> Tensor | None:
        """Return the (m, l, d) hidden states below the upper half, None where there is no lower half."""
        if self.start == 0:
            return None
        with torch.no_grad():
            if self._halves is None:
                return self._run(self.model, batch)
            lower = self._halves[0]
            path = layer_path(lower)
            found: list[Tensor] = []
            last = _get(lower, path or "")[-1]
            # The last layer's own output: some models normalise once more behind it.
            hook = last.register_forward_hook(lambda *call: found.append(_tensor(call[2])))
            try:
                self._run(lower, batch)
            finally:
                hook.remove()
            return found[0]

    def upper(self, batch: dict[str, Tensor], hidden: Tensor | None) -> Tensor:
        """Return the (m, l, d) last hidden states from what `lower` returned."""
        if self.start == 0:
            return self._run(self.model, batch)
        if hidden is None:
            raise ValueError("the upper half needs the hidden states of the lower one")
        if self._halves is None:
            return hidden
        _, upper, given = self._halves
        given.hidden = hidden
        try:
            return self._run(upper, batch)
        finally:
            given.hidden = None

    def forward(self, batch: dict[str, Tensor]) -> Tensor:
        """Return the (m, l, d) last hidden states of a batch with `ids`, `mask` and `types`, each (m, l)."""
        return self.upper(batch, self.lower(batch))

    def train(self, mode: bool = True) -> "SplitEncoder":
        """Switch the upper half to training; what is frozen stays in evaluation, without dropout."""
        super().train(mode)
        if self.start > 0:
            self.model.eval()
            if self._halves is not None:
                _get(self._halves[1], layer_path(self._halves[1]) or "").train(mode)
        return self

    def _sees_all(self) -> bool:
        """Tell whether the first token's hidden state depends on the last token."""
        batch = self._probe()
        batch["mask"] = torch.ones_like(batch["mask"])
        batch["ids"][1] = batch["ids"][0]
        batch["ids"][1, -1] = batch["ids"][0, -2]
        training = self.model.training
        self.model.eval()
        try:
            with torch.no_grad():
                first = self._run(self.model, batch)[:, 0]
        except (RuntimeError, TypeError, ValueError, AttributeError, LookupError) as fault:
            raise no_encoder(self.model.config.name_or_path, self.model.config.model_type) from fault
        finally:
            self.model.train(training)
        return not torch.equal(first[0], first[1])

    def _probe(self) -> dict[str, Tensor]:
        """Return a batch of two short sequences, the second one half as long."""
        embeddings = self.model.get_input_embeddings()
        ids = torch.arange(2 * _PROBED, device=embeddings.weight.device).reshape(2, _PROBED) % embeddings.num_embeddings
        mask = torch.ones_like(ids)
        mask[1, _PROBED // 2 :] = 0
        return {"ids": ids, "mask": mask, "types": torch.zeros_like(ids)}

    def _halves_are_the_whole(self) -> bool:
        """Run two short sequences through both halves and through the whole model, and compare."""
        batch = self._probe()
        mask = batch["mask"]
        training = self.training
        self.eval()
        try:
            with torch.no_grad():
                found, wanted = self(batch)[mask.bool()], self._run(self.model, batch)[mask.bool()]
            return found.shape == wanted.shape and torch.allclose(found, wanted, rtol=1e-3, atol=1e-3)
        except (RuntimeError, TypeError, ValueError, AttributeError, LookupError):
            return False
        finally:
            self.train(training)

    def _run(self, model: Any, batch: dict[str, Tensor]) -> Tensor:
        inputs: dict[str, Any] = {"input_ids": batch["ids"], "attention_mask": batch["mask"]}
        if self.takes_types:
            inputs["token_type_ids"] = batch["types"]
        if getattr(self, "causal", False):
            # Positions are counted from a sequence's first token, on whichever side it was filled up.
            inputs |= {"position_ids": (batch["mask"].cumsum(dim=1) - 1).clamp(min=0), "use_cache": False}
        return _tensor(model(**inputs).last_hidden_state)


class _Passed(nn.Module):
    """Stands where a layer was and hands on what it gets."""

    def __init__(self, layer: nn.Module | None = None) -> None:
        super().__init__()
        self.like(layer)

    def like(self, layer: nn.Module | None) -> Self:
        """Take what a model looks up at its layers from the one that was there; return itself."""
        kind = getattr(layer, "attention_type", None)
        if kind is not None:
            self.attention_type = kind
        return self

    def forward(self, hidden: Tensor, *_: Any, **__: Any) -> Tensor:
        return hidden


class _Given(_Passed):
    """Stands where the embeddings were and hands on hidden states that were computed before."""

    hidden: Tensor | None = None

    def forward(self, *_: Any, **__: Any) -> Tensor:
        if self.hidden is None:
            raise ValueError("no hidden states were given")
        return self.hidden


def layer_path(model: nn.Module) -> str | None:
    """Return the dotted name of a model's list of layers, None where its layers are not a list of their own."""
    for name, module in model.named_modules():
        if isinstance(module, nn.ModuleList) and name in ("encoder.layer", "transformer.layer", "layers"):
            return name if layer_count(model) else None
    return None


def layer_count(model: nn.Module) -> int:
    """Return how many layers a model runs through."""
    return int(model.config.num_hidden_layers)  # type: ignore[arg-type, union-attr]


def linear_names(model: nn.Module, start: int) -> list[str]:
    """Return the names of all linear maps in the layers from `start` on; in every layer where they are shared."""
    path = layer_path(model)
    inside = path or ("encoder" if hasattr(model, "encoder") else "")
    return [
        name
        for name, module in model.named_modules()
        if isinstance(module, nn.Linear)
        and name.startswith(f"{inside}.")
        and (path is None or _layer_number(name, path) >= start)
    ]


def _layer_number(name: str, path: str | None) -> int:
    """Return which layer a weight belongs to, -1 for none."""
    if path is None or not name.startswith(f"{path}."):
        return -1
    return int(name[len(path) + 1 :].partition(".")[0])


def _get(model: nn.Module, path: str) -> nn.ModuleList:
    found = model.get_submodule(path)
    if not isinstance(found, nn.ModuleList):
        raise TypeError(f"{path} is no list of layers")
    return found


def _put(twin: nn.Module, path: str, layers: nn.ModuleList) -> None:
    """Give a twin another list of layers, without touching the module that it was copied from."""
    *parents, name = path.split(".")
    place = twin
    for parent in parents:
        inner = _twin(place.get_submodule(parent))
        place._modules[parent] = inner
        place = inner
    place._modules[name] = layers


def _twin(module: nn.Module) -> nn.Module:
    """Return a module that shares everything with another but its table of submodules."""
    twin = copy.copy(module)
    twin._modules = dict(module._modules)
    return twin


def _tensor(output: Any) -> Tensor:
    found = output[0] if isinstance(output, tuple) else output
    if not isinstance(found, Tensor):
        raise TypeError(f"a layer returned {type(found).__name__}, not a tensor")
    return found
