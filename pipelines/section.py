"""The base of every section of params.yaml."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """One section of params.yaml: immutable, and an unknown key is refused by name."""

    model_config = ConfigDict(extra="forbid", frozen=True, protected_namespaces=(), validate_default=True)
