"""The code of this project as it travels to the nodes of a cluster: its packages in one folder, and nothing else.

Not the checkout: that may hold models, runs and a virtual environment; and not each package by itself: hashes of code
are taken over all packages in one folder.
"""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

ROOT = Path(__file__).resolve().parents[3]
PACKAGES = ("pipelines", "features", "stacker")
"""What may run on a node; the dashboard does not."""


@contextmanager
def shipped_code(root: Path = ROOT) -> Iterator[Path]:
    """Yield a folder with a copy of the packages that `root` holds, which is gone when the block ends."""
    with TemporaryDirectory(prefix="preference-stacker-") as scratch:
        folder = Path(scratch) / "code"
        for package in PACKAGES:
            shutil.copytree(root / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "*.part"))
        yield folder
