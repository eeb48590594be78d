"""Every dependency says the oldest release that was seen to work, and constraints.txt a newer one to install."""

import re
import tomllib
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]


def requirements():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [each for extra in project["optional-dependencies"].values() for each in extra]
    found = [Requirement(each) for each in [*project["dependencies"], *optional]]
    return [each for each in found if each.name != project["name"]]  # an extra that brings other extras


def pins():
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    found = (re.fullmatch(r"([^=#\s]+)==(\S+)", line) for line in lines)
    return {canonicalize_name(pin[1]): Version(pin[2]) for pin in found if pin}


def test_every_dependency_has_a_lower_bound_and_a_pin_within_it():
    pinned, bounds = pins(), {}
    for each in requirements():
        name = canonicalize_name(each.name)
        assert name in pinned, f"{name}: has no pin in constraints.txt"
        assert each.specifier.contains(pinned[name]), (
            f"{name} {pinned[name]} of constraints.txt is not {each.specifier}"
        )
        if not name.startswith(("types-", "pandas-stubs")):
            assert any(bound.operator in (">=", "==") for bound in each.specifier), f"{name}: has no lower bound"
        bounds.setdefault(name, set()).add(str(each.specifier))
    assert not {name: found for name, found in bounds.items() if len(found) > 1}, "two extras differ"
