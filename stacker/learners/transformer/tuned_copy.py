"""A fine-tuned encoder by a converted copy, as a frozen one is run: without torch from the second start on.

The first judge that is loaded with such a transformer converts it, checks the copy against torch, and keeps it in the
folder of models under a hash of what was learned; the `KEPT` copies that were opened last stay.
"""

import hashlib
import os
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from safetensors import safe_open

from features.encoder.choice import ResolvedEncoder
from features.encoder.engines.copies import FOLDER, choose_engine, is_installed
from features.encoder.engines.pytorch import load_sentence_model
from features.encoder.tokens import SavedTokens
from pipelines.errors import UserError
from pipelines.files.atomic_files import sha256_of
from pipelines.files.saved_files import checking
from stacker.learners.transformer.frozen import ArrayHead, FrozenRunner, hidden_size_of, may_be_converted
from stacker.learners.transformer.saved_form import WEIGHTS, SavedForm, readable

TUNED = ".tuned"
"""Inside the models' folder."""
KEPT = 8


def tuned_runner(saved: SavedForm) -> FrozenRunner | None:
    """Return what runs a saved transformer whose encoder was fine-tuned without torch; None where torch does.

    Raises
    ------
    UserError
        When what was saved cannot be read, or an engine that the settings name refuses the model.
    """
    params, base = saved.params, saved.frozen_base()
    if params.tuning == "frozen" or params.quantization != "none" or not may_be_converted(params, base):
        return None
    engine = params.engine if is_installed(params.engine) else "auto"
    tuned = replace(base, sha256=_sha256(saved, base), models_dir=base.models_dir / TUNED)
    # In fp32: the head was trained on what the encoder gave, not on what rounding leaves of it.
    precision = "int8" if params.precision == "int8" else "fp32"
    try:
        chosen = choose_engine(tuned, engine, precision, "cpu", lambda: _sentence_model(saved, base))
    except UserError:
        if engine != "auto":
            raise
        return None  # no engine is here, or none that has this precision
    if chosen is None or chosen.copies is None or not isinstance(chosen.copies.tokens, SavedTokens):
        return None
    _keep_last(chosen.copies.folders(), tuned.models_dir / FOLDER)
    with readable(saved.folder), safe_open(saved.folder / WEIGHTS, "numpy") as stored:
        names = [name for name in stored.keys() if name.startswith("head.")]  # noqa: SIM118 - no mapping
        head = {name.removeprefix("head."): stored.get_tensor(name) for name in names}
    with checking(saved.folder / WEIGHTS):
        return FrozenRunner(chosen, ArrayHead.of(params, hidden_size_of(base), head), saved.name)


def _keep_last(used: Sequence[Path], folder: Path) -> None:
    """Note that copies are used, and remove those of a folder that were not for the longest time."""
    with suppress(OSError):  # another process may do the same, or the folder may be read-only
        for place in used:
            os.utime(place.parent)
        kept = sorted(folder.iterdir(), key=lambda each: each.stat().st_mtime, reverse=True)
        for place in kept[KEPT:]:
            shutil.rmtree(place, ignore_errors=True)


def _sha256(saved: SavedForm, base: ResolvedEncoder) -> str:
    """Return a hash of all that the fine-tuned encoder follows from."""
    parts = (base.sha256, sha256_of(saved.folder / WEIGHTS), saved.params.model_dump_json())
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


def _sentence_model(saved: SavedForm, base: ResolvedEncoder) -> Any:
    """Return the base as it is converted, with the weights that were learned in the place of its own."""
    from stacker.learners.transformer.stored import load_network

    learned = load_network(saved.folder).checkpoint.model.state_dict()
    model = load_sentence_model(base)
    own = model[0].auto_model
    missing = set(own.state_dict()) - set(learned)
    if any(not name.startswith("pooler.") for name in missing):
        raise UserError(f"{saved.folder}: its encoder has other weights than {base.name}; set the engine to torch.")
    own.load_state_dict(learned, strict=False)
    return model
