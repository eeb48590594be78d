"""How token ids become embeddings: by torch, or by OpenVINO or ONNX Runtime from a converted copy of the model."""

from features.engines.base import Engine, Ids
from features.engines.pytorch import OneByOne, SameShape

__all__ = ["Engine", "Ids", "OneByOne", "SameShape"]
