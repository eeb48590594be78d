"""Settings of reward models in the stack."""

from pathlib import Path
from typing import Literal, Self

from pydantic import Field

from pipelines.errors import UserError
from pipelines.files.saved_files import Name
from pipelines.models.model_files import pinned_sha256
from pipelines.settings import PathText, Section


class RewardParams(Section):
    """A reward model as a learner: a sequence classification with one output, which scores an answer to a question.

    `model` is its folder. The conversation is written in its own chat template; of longer texts the head and the tail
    are read. bf16 takes half the time where the processor has it. `batch_tokens` matters on a GPU only. `sha256` pins
    the weights; a judge writes it.
    """

    name: Name
    model: PathText
    enabled: bool = True
    prompt_tokens: int = Field(512, ge=8, le=100_000)
    answer_tokens: int = Field(1024, ge=8, le=100_000)
    precision: Literal["fp32", "bf16"] = "fp32"
    device: Literal["auto", "cpu", "cuda"] = "auto"
    batch_tokens: int = Field(16384, ge=1, le=1 << 24)
    sha256: str | None = Field(None, pattern="^[0-9a-f]{64}$")

    @property
    def folder(self) -> Path:
        """The model's folder; a `UserError` where it is none."""
        folder = Path(self.model).expanduser()
        if not folder.is_dir():
            raise UserError(f"learners.rewards {self.name}: {self.model} is no folder; name one with a reward model.")
        return folder

    def pinned(self) -> Self:
        """Return the settings with the hash of the weights; a `UserError` where they have another one than that."""
        found = pinned_sha256(self.folder, self.sha256, f"learners.rewards {self.name}: {self.model}")
        return self.model_copy(update={"sha256": found})
