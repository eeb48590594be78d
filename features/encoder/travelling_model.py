"""A model of this disk on the nodes of a cluster: its weights, and the converted copies that run it here.

A copy is made and checked once, on this machine, and nodes run the same bytes; what was refused here they do not try.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from features.encoder.choice import ResolvedEncoder
from features.encoder.engines.conversion import FP32, INT8
from features.encoder.engines.copies import FOLDER, KINDS, EncoderCopies, is_installed
from pipelines.models.model_files import BUILTIN_NAME, MODELS_DIR, is_hub_name, stored_folder
from pipelines.terminal.cluster.tasks import Shared, Tasks


@dataclass(frozen=True)
class TravellingModel:
    """A model as the arguments of tasks may hold it.

    Attributes
    ----------
    encoder : ResolvedEncoder
        As it was found on the machine that it comes from.
    weights : Shared of Path, or None
        Its folder; None for the built-in one, which is on every node.
    copies : tuple of (str, Shared of Path)
        Folders of converted copies by their paths in the folder of copies.
    """

    encoder: ResolvedEncoder
    weights: Shared[Path] | None
    copies: tuple[tuple[str, Shared[Path]], ...] = ()

    def here(self) -> ResolvedEncoder:
        """Return it as it is found on this node: weights and copies by the names that they have on its machine.

        Names in the folder of the job's code, that is: a node's own folders stay as they are.
        """
        models = MODELS_DIR if self.encoder.models_dir.is_absolute() else self.encoder.models_dir
        for path, copy in self.copies:
            _link(models / FOLDER / path, copy.get())
        if self.weights is None:
            return replace(self.encoder, models_dir=models)
        folder = self.weights.get()
        if is_hub_name(self.encoder.name):
            _link(stored_folder(models, self.encoder.name), folder)
        return replace(self.encoder, folder=folder, models_dir=models)


def travelling_model(tasks: Tasks, encoder: ResolvedEncoder, precision: str | None = None) -> TravellingModel:
    """Put a model where tasks find it; a folder is sent once, whoever asks for it.

    Parameters
    ----------
    precision : str or None
        Of the converted copies that go along: `fp32`, or else the lower one where it is made. None leaves them here.
    """
    weights = None if encoder.name == BUILTIN_NAME else tasks.share_folder(encoder.folder)
    copies = () if precision is None else _copies(encoder, precision)
    return TravellingModel(encoder, weights, tuple((path, tasks.share_folder(folder)) for path, folder in copies))


def _copies(encoder: ResolvedEncoder, precision: str) -> Iterator[tuple[str, Path]]:
    for kind in filter(is_installed, KINDS):
        copies = EncoderCopies(encoder, kind, lambda: None)
        taken = INT8 if precision != FP32 and copies.is_made(INT8) else FP32
        yield from copies.on_disk(taken).items()


def _link(name: Path, folder: Path) -> None:
    name.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileExistsError):  # another process of this node was first
        name.symlink_to(folder.resolve(), target_is_directory=True)
