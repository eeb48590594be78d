"""What tests of every package share."""

import gc
import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis.internal.entropy import deterministic_PRNG

# Tests run side by side: threads of one library in each would wait for each other longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")

LONG = (
    *("test_ask_page", "test_run", "test_page_walks", "test_study", "test_hostile", "test_kaggle"),
    *("test_report", "test_slow_store", "test_ask_faults", "test_page_swap", "test_overwhelming"),
    *("test_starter", "test_cross_fitting", "test_judge_folders", "test_transformer_learner", "test_estimator"),
    *("test_dashboard_server", "test_engines"),
)
"""Files that take longest, in that order. They are begun first, so that processes side by side end together."""


def pytest_configure(config: pytest.Config) -> None:
    """Have pytest-xdist hand out the files in the order below, not those with the most tests first."""
    config.option.loadscopereorder = False
    # Hypothesis looks, once, who refers to its random numbers, and would not find what is kept out of collections.
    with deterministic_PRNG():
        pass
    gc.callbacks.append(_keep_what_is_imported)


def _keep_what_is_imported(phase: str, info: dict[str, int], kept: list[int] = [0]) -> None:  # noqa: B006
    """Keep imported modules out of later collections: each fit asks for one, and with all libraries it takes .3 s."""
    if phase == "stop" and info["generation"] == 2 and len(sys.modules) > kept[0]:
        gc.freeze()
        kept[0] = len(sys.modules)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the files that take longest first."""
    items.sort(key=lambda item: LONG.index(item.path.stem) if item.path.stem in LONG else len(LONG))


@pytest.fixture(autouse=True)
def torch_runs_encoders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have `auto` take torch: most tests ask for an encoder's numbers, and converting one takes seconds."""
    monkeypatch.setattr("features.encoder.engines.copies.ORDER", ())


@pytest.fixture(scope="session")
def tiny_decoder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Give the folder of a tiny random decoder, as `make_decoder`; made once a session, so leave it as it is."""
    from decoders import make_decoder

    made: dict[str, Path] = {}

    def of(family: str, **settings: Any) -> Path:
        key = f"{family} {sorted(settings.items())}"
        if key not in made:
            made[key] = make_decoder(family, tmp_path_factory.mktemp("decoder") / family, **settings)
        return made[key]

    return of


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
