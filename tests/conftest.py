"""What tests of every package share."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

# Tests run side by side: threads of one library in each would wait for each other longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def tiny_checkpoint(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Give the folder of a tiny random checkpoint by architecture; made once a session, so leave it as it is."""
    from checkpoints import make_checkpoint

    made: dict[str, Path] = {}

    def of(architecture: str) -> Path:
        if architecture not in made:
            made[architecture] = make_checkpoint(architecture, tmp_path_factory.mktemp("checkpoint") / architecture)
        return made[architecture]

    return of
