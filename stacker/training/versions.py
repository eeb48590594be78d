"""Which software a run used: written beside its numbers, because another version may give others."""

import platform
from importlib.metadata import PackageNotFoundError, version

PACKAGES = (
    "preference-stacker",
    "torch",
    "transformers",
    "sentence-transformers",
    "peft",
    "lightgbm",
    "xgboost-cpu",
    "xgboost",
    "scikit-learn",
    "imbalanced-learn",
    "textstat",
    "vaderSentiment",
    "optuna",
    "numpy",
    "pandas",
    "scipy",
)


def versions() -> dict[str, str]:
    """Return Python's version and that of each package which is installed, by name."""
    found = {"python": platform.python_version()}
    for package in PACKAGES:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
