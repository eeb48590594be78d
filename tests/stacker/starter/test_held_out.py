"""Families of tricks that are left out of training: each is asked about with and without it."""

import numpy as np
import pytest

from pipelines.battles.built_in import sample_battles
from stacker.starter.held_out import as_table, held_out
from stacker.training.made.check_fitting import CheckSettings


@pytest.mark.slow
def test_each_family_is_asked_about_with_checks_that_know_it_and_with_checks_that_do_not():
    votes = sample_battles(60).battles.assign(lang="en")
    families = ("repeated", "padded", "emptied")
    found = held_out(votes, CheckSettings(count=16, families=families, real=40, rounds=8))
    assert found["family"].tolist() == list(families)
    for row in found.itertuples():
        told = [row.votes, row.known, row.unknown, row.style_known, row.style_unknown]
        assert {len(each) for each in told} == {len(row.group)} and len(row.group) > 0
        assert np.isin(np.concatenate(told), (0, 1)).all()
    lines = as_table(found).splitlines()
    assert lines[0].startswith("| family | battles |") and len(lines) == 2 + len(families) and "[" in lines[2]
