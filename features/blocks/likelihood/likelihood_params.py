"""Settings of the block of likelihoods: the model that reads, and how much of a text it reads."""

from pathlib import Path
from typing import Any, Literal, Self

from pydantic import Field, model_validator

from features.blocks.interface import BlockSettings
from pipelines.errors import UserError
from pipelines.models.model_files import pinned_sha256
from pipelines.settings import PathText


class LikelihoodParams(BlockSettings):
    """The model that reads the answers; `features.likelihood: FOLDER` stands for `{model: FOLDER}`.

    `model` is the folder of a causal language model, as `python -m pipelines.models fetch` makes it. Of longer texts
    the head and the tail are read. `alone_tokens` of an answer are also read without the question. bf16 takes half the
    time where the processor has it, and its numbers differ. `batch_tokens` matters on a GPU only. `sha256` pins the
    weights; a judge writes it.
    """

    model: PathText
    prompt_tokens: int = Field(192, ge=8, le=4096)
    answer_tokens: int = Field(256, ge=8, le=4096)
    alone_tokens: int = Field(128, ge=0, le=4096)
    precision: Literal["fp32", "bf16"] = "fp32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_tokens: int = Field(8192, ge=1, le=1 << 24)
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")

    @model_validator(mode="before")
    @classmethod
    def _folder_alone(cls, content: Any) -> Any:
        if isinstance(content, bool):
            raise ValueError("must be the folder of a causal language model, or null")
        return {"model": content} if isinstance(content, str) else content

    @property
    def folder(self) -> Path:
        """The model's folder; a `UserError` where it is none."""
        folder = Path(self.model).expanduser()
        if not folder.is_dir():
            raise UserError(
                f"features.likelihood {self.model}: there is no folder {folder.absolute()}; name one that holds a "
                f"causal language model, seen from where the command is run."
            )
        return folder

    def pinned(self) -> Self:
        """Return the settings with the hash of the weights; a `UserError` where they have another one than that."""
        found = pinned_sha256(self.folder, self.sha256, f"features.likelihood {self.model}:")
        return self.model_copy(update={"sha256": found})
