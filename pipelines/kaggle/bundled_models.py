"""What a judge needs of this disk besides itself: models are taken along, and it is pointed at where they will be."""

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.errors import UserError
from pipelines.files.atomic_files import write_json
from pipelines.files.hashes import hashes_of
from pipelines.files.saved_files import MOST_WORDS_JSON, checking, read_object
from pipelines.models.model_files import MODELS_DIR, find_model, is_builtin, is_hub_name, stored_folder

ROWS, HOURS = 25_000, 9
"""Battles of the competition's hidden test file, and how long Kaggle lets a notebook run."""
ELSEWHERE = {
    "outside": "which are predictions of other battles",
    "language_judge": "which would be asked about every battle",
}
"""Kinds of learners that a notebook goes without, and why."""
FOLDER_KIND = "reward"
"""The kind of learner whose settings name its model's folder."""


@dataclass
class Needed:
    """What a judge needs.

    Attributes
    ----------
    models : dict of str to Path or None
        By name, and where it lay beside others; None for names that may be absent.
    folders : dict of str to str
        Folders that have to be there, and what needs them.
    without : dict of str to str
        Learners that its notebook goes without, and why.
    tokens : dict of str to int
        At most how many tokens of a battle each model in a folder reads.
    """

    models: dict[str, Path | None] = field(default_factory=dict)
    folders: dict[str, str] = field(default_factory=dict)
    without: dict[str, str] = field(default_factory=dict)
    tokens: dict[str, int] = field(default_factory=dict)

    def reads(self, name: str, settings: dict[str, Any]) -> None:
        """Count the tokens of both answers, each after the prompt, that a model in a folder reads at most."""
        each = ("prompt_tokens", "answer_tokens", "alone_tokens")
        self.tokens[name] = self.tokens.get(name, 0) + 2 * sum(settings.get(key, 0) for key in each)

    def sentences(self) -> Iterator[str]:
        """Say what is left out, and how fast the models in folders have to read."""
        for name, why in self.without.items():
            yield f"The notebooks go without {name}, {why}; the other learners give its verdicts."
        for name, tokens in self.tokens.items():
            rate = ROWS * tokens / (HOURS * 3600)
            yield (
                f"{name} reads at most {tokens:,} tokens of a battle: {ROWS:,} battles fit into Kaggle's {HOURS} hours "
                f"where it reads {rate:,.0f} tokens a second or more."
            )


def localise(dataset: Path) -> Needed:
    """Point the judge of a dataset folder at `models/` of the folder that it will run in; return what it needs."""
    needed = Needed()
    path = dataset / "judge" / "judge.json"
    described = read_object(path)
    settings: Any
    with checking(path):
        if described["encoder"] is not None:
            settings = described["encoder"]["params"]
            needed.models[settings["model"]] = Path(settings["models_dir"])
            settings["model"], settings["models_dir"] = name_there(settings["model"]), str(MODELS_DIR)
        for switch, settings in described.get("features", {}).items():
            if isinstance(settings, dict):
                needed.folders[settings["model"]] = f"features.{switch}"
                needed.reads(settings["model"], settings)
                settings["model"] = name_there(settings["model"])
        for learner in described["learners"]:
            if learner["kind"] in ELSEWHERE:
                needed.without[learner["name"]] = ELSEWHERE[learner["kind"]]
        kinds = {learner["folder"]: learner["kind"] for learner in described["learners"]}
    for learner in (dataset / "judge" / "learners").rglob("learner.json"):
        meta = read_object(learner, MOST_WORDS_JSON)
        with checking(learner):
            base, settings = meta.get("base"), meta.get("params")
            if base is not None and not base["inside"]:
                needed.models[base["name"]] = None if base["beside"] is None else Path(base["beside"])
                if Path(base["name"]).is_dir() and isinstance(settings, dict):
                    needed.reads(base["name"], settings)
                base["name"], base["beside"] = name_there(base["name"]), str(MODELS_DIR)
                write_json(learner, meta)
            elif kinds.get(learner.parent.name) == FOLDER_KIND:
                needed.folders[settings["model"]] = f"learners.rewards {settings['name']}"
                needed.reads(settings["model"], settings)
                settings["model"] = name_there(settings["model"])
                write_json(learner, meta)
    files = hashes_of(path.parent, but=(path.name,))
    write_json(path, {**described, "files": {name: file.model_dump() for name, file in files.items()}})
    return needed


def localise_params(params: dict[str, Any]) -> dict[str, None]:
    """Point the parameters of a run at `models/` too, without what only this machine has; return the models by name.

    Votes of a first stage, teachers, battles without a vote, predictions from outside and language models that would be
    asked about each battle stay behind.
    """
    learners, transformer = params.get("learners", {}), params.get("transformer", {})
    learners["outside"], learners["judges"] = [], []
    transformer.get("first", {})["sources"] = []
    transformer["soft_labels"] = {**transformer.get("soft_labels", {}), "teacher": None, "unvoted": None}
    named = [params.get("encoder", {}), *learners.get("rewards", [])]
    named += [each for each in params.get("features", {}).values() if isinstance(each, dict)]
    models = transformer.get("models", [])
    named += [each for each in models if isinstance(each, dict)]
    names = [each for each in models if isinstance(each, str)] + [each["model"] for each in named if "model" in each]
    for each in named:
        if "model" in each:
            each["model"] = name_there(each["model"])
    if models:
        transformer["models"] = [name_there(each) if isinstance(each, str) else each for each in models]
    if "model" in params.get("encoder", {}):
        params["encoder"]["models_dir"] = str(MODELS_DIR)
    return dict.fromkeys(names)


def name_there(name: str) -> str:
    """Return how a model is called where `models/` holds it: a folder by its place, a Hub name as it is."""
    if is_builtin(name) or not Path(name).expanduser().is_dir():
        return name
    return str(MODELS_DIR / Path(name).expanduser().resolve().name)


def copy_models(needed: Needed, folder: Path) -> None:
    """Copy the models into the folder `models` of a dataset; a `UserError` where one is not on this disk."""
    for name, what in needed.folders.items():
        if not Path(name).expanduser().is_dir():
            raise UserError(f"{what} {name}: is no folder any more, so it cannot be bundled; put the model back.")
    for name, beside in {**dict.fromkeys(needed.folders), **needed.models}.items():
        if is_builtin(name):
            continue
        own = Path(name).expanduser()
        source = own if own.is_dir() else None
        if source is None and is_hub_name(name):
            source = find_model(name, beside or MODELS_DIR)
        if source is None:
            if beside is None:
                continue  # named by params.yaml alone, and not here when the run was made either
            raise UserError(f"encoder {name}: is not on this disk, so it cannot be bundled; fetch it again.")
        place = folder / (source.resolve().name if own.is_dir() else stored_folder(folder, name).name)
        shutil.copytree(source, place, dirs_exist_ok=True)
