"""What the long versions share: how long they go on, and each a seed of its own."""

import itertools
import os
import time

import hypothesis
import pytest
from damage import SLOWLY


@pytest.fixture
def for_a_while():
    """Return a function that checks examples of a strategy with ever new seeds, for FUZZ_SECONDS (300)."""

    def run(strategy, check, examples=200):
        end = time.monotonic() + float(os.environ.get("FUZZ_SECONDS", "300"))
        for seed in itertools.count(int(os.environ.get("FUZZ_SEED", "0"))):

            @hypothesis.seed(seed)
            @hypothesis.settings(SLOWLY, max_examples=examples)
            @hypothesis.given(strategy)
            def tried(example):
                check(example)

            tried()
            if time.monotonic() > end:
                return

    return run
