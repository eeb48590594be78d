"""A Python like Kaggle's: everything that is installed here but named packages, and with the network cut."""

import os
import site
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

REFUSES = """\
import socket

def refuse(*_, **__):
    raise OSError("the network is cut")

socket.socket.connect = socket.getaddrinfo = refuse
"""
"""For where no network namespace may be made."""


def clean_python(folder: Path, without: Sequence[str]) -> Path:
    """Make an environment that lacks the named packages and those installed for editing; return its Python."""
    venv.create(folder, with_pip=False, symlinks=True)
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    own = folder / "lib" / version / "site-packages"
    hidden = {top for name in without for top in _tops(name)}
    places = [sysconfig.get_paths()["purelib"], sysconfig.get_paths()["platlib"], *site.getsitepackages()]
    for place in dict.fromkeys(map(Path, places)):
        for entry in place.iterdir() if place.is_dir() else ():
            target = own / entry.name
            if entry.name in hidden or entry.suffix == ".pth" or entry.name.startswith("__") or target.exists():
                continue
            target.symlink_to(entry)
    return folder / "bin" / "python"


def network_namespace() -> tuple[str, ...]:
    """Return what to put before a command so that it has no route at all; nothing where no namespace may be made."""
    for prefix in (("unshare", "--net"), ("unshare", "--map-root-user", "--net")):
        try:
            if subprocess.run([*prefix, "true"], capture_output=True, check=False).returncode == 0:
                return prefix
        except FileNotFoundError:
            break
    return ()


def cut_off(python: Path) -> tuple[str, ...]:
    """Return what to put before a command so that it has no network: a namespace, or Python that refuses to connect."""
    if prefix := network_namespace():
        return prefix
    version = f"python{sys.version_info.major}.{sys.version_info.minor}"
    (python.parent.parent / "lib" / version / "site-packages" / "sitecustomize.py").write_text(
        REFUSES, encoding="utf-8"
    )
    return ()


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return a bare environment with a home of its own."""
    home.mkdir(parents=True, exist_ok=True)
    bare = {"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "OMP_NUM_THREADS": "1"}
    return {**bare, "PYTHONDONTWRITEBYTECODE": "1", **more}


def _tops(name: str) -> set[str]:
    try:
        files = distribution(name).files or []
    except PackageNotFoundError:
        return set()
    return {file.parts[0] for file in files if not file.parts[0].startswith("..")}
