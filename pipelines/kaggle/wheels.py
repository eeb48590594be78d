"""Wheels of what is installed here, written without the network, so that another machine can install the very same."""

import base64
import hashlib
import re
import subprocess
import sys
import zipfile
from collections.abc import Sequence
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from pipelines.errors import UserError

PROJECT = "preference-stacker"
PROJECT_PACKAGES = ("pipelines", "features", "stacker")
"""What a judge needs of this project; the dashboard stays at home."""
ANY = "py3-none-any"
"""The tag of a wheel for every version of Python 3, with or without an ABI, and every platform."""
_EPOCH = (1980, 1, 1, 0, 0, 0)
_LEFT_OUT = {"RECORD", "INSTALLER", "REQUESTED", "direct_url.json"}
"""Files of a dist-info folder that an installer writes."""


def installed(name: str) -> Distribution | None:
    """Return what is installed under a name, or None."""
    try:
        return distribution(name)
    except PackageNotFoundError:
        return None


def installed_wheel(name: str, folder: Path) -> Path:
    """Pack an installed package as a wheel again.

    Raises
    ------
    UserError
        When it is not installed, its files are not listed, or they are made for one version of Python.
    """
    found = installed(name)
    if found is None:
        raise UserError(
            f"package {name}: is not installed, so it cannot be packed; install it or use --wheels download."
        )
    described = found.read_text("WHEEL")
    if described is None or not found.files:
        raise UserError(f"package {name}: was not installed from a wheel; use --wheels download.")
    tags = re.findall(r"^Tag: (\S+)", described, re.MULTILINE)
    if not all(tag.startswith("py") for tag in tags):
        raise UserError(
            f"package {name}: is made for this version of Python ({tags[0]}), which Kaggle's may not be; use --wheels "
            f"download with --python."
        )
    parts = zip(*(tag.split("-") for tag in tags), strict=True)
    content: dict[str, bytes] = {}
    for file in found.files:
        path = file.as_posix()
        if path.startswith("..") or "__pycache__" in path or path.rpartition("/")[2] in _LEFT_OUT:
            continue
        content[path] = Path(str(file.locate())).read_bytes()
    return _write(folder, found, "-".join(".".join(dict.fromkeys(part)) for part in parts), content)


def project_wheel(folder: Path) -> Path:
    """Pack this project's packages, as they are imported, as a wheel; a `UserError` where it is not installed."""
    found = installed(PROJECT)
    if found is None:
        raise UserError(f"{PROJECT}: is not installed; run `pip install -e .` in its folder.")
    root = Path(__file__).resolve().parents[2]
    content: dict[str, bytes] = {}
    for package in PROJECT_PACKAGES:
        for path in sorted((root / package).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                content[path.relative_to(root).as_posix()] = path.read_bytes()
    info = f"{_named(found)}.dist-info"
    content[f"{info}/METADATA"] = (found.read_text("METADATA") or found.read_text("PKG-INFO") or "").encode()
    if (root / "LICENSE").is_file():
        content[f"{info}/licenses/LICENSE"] = (root / "LICENSE").read_bytes()
    content[f"{info}/WHEEL"] = f"Wheel-Version: 1.0\nGenerator: {PROJECT}\nRoot-Is-Purelib: true\nTag: {ANY}\n".encode()
    return _write(folder, found, ANY, content)


def download_wheels(requirements: Sequence[str], folder: Path, python: str) -> None:
    """Get wheels for Linux and a version of Python from the package index, without what they depend on.

    Raises
    ------
    UserError
        When pip cannot get one of them.
    """
    folder.mkdir(parents=True, exist_ok=True)
    platforms = ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "any")
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary=:all:"]
    command += [*(f"--platform={platform}" for platform in platforms), f"--python-version={python}", "-d", str(folder)]
    done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        raise UserError(
            f"--wheels download: pip could not get them ({(lines or ['no reason given'])[-1][:160]}); look at the "
            f"network, or use --wheels installed."
        )


def _write(folder: Path, found: Distribution, tag: str, content: dict[str, bytes]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{_named(found)}-{tag}.whl"
    record = next(f"{path.partition('/')[0]}/RECORD" for path in content if ".dist-info/" in path)
    lines = [f"{each},sha256={_digest(data)},{len(data)}" for each, data in content.items()]
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for each, data in [*content.items(), (record, "\n".join([*lines, f"{record},,", ""]).encode())]:
            entry = zipfile.ZipInfo(each, _EPOCH)
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)
    return path


def _named(found: Distribution) -> str:
    """Return name and version as wheels and the folders in them have them."""
    return f"{re.sub(r'[-_.]+', '_', found.metadata['Name'])}-{found.version}"


def _digest(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()
