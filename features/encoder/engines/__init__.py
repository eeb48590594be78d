"""How token ids become embeddings: by torch, or by OpenVINO or ONNX Runtime from a converted copy of the model."""

from features.encoder.engines.engine import Engine, Ids
from features.encoder.engines.pytorch import OneByOne, SameShape

__all__ = ["Engine", "Ids", "OneByOne", "SameShape"]
