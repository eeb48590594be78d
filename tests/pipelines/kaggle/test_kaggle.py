"""The Kaggle bundle: what it holds, and its notebooks run in a Python like Kaggle's with the network cut."""

import base64
import csv
import hashlib
import json
import shutil
import subprocess
import zipfile
from email import message_from_bytes
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from clean_python import clean_python, cut_off, environment
from packaging.tags import parse_tag
from packaging.utils import parse_wheel_filename
from small_runs import small_params, small_run

from pipelines.battles.built_in import sample_battles
from pipelines.errors import UserError
from pipelines.files.atomic_files import sha256_of
from pipelines.files.hashes import StoredFile, first_difference
from pipelines.kaggle.__main__ import BUILTIN_PACKAGE, LACKED, Options, bundle, main
from pipelines.kaggle.completion import complete
from pipelines.kaggle.wheels import PROJECT, installed_wheel, project_wheel

REAL = Path(__file__).resolve().parents[4] / "shared" / "data" / "kaggle"
OUTCOMES = ["winner_model_a", "winner_model_b", "winner_tie"]


def code_of(notebook: dict) -> str:
    """Return the code of a notebook's cells, in their order."""
    cells = ("".join(cell["source"]) for cell in notebook["cells"] if cell["cell_type"] == "code")
    return "\n\n".join(cells) + "\n"


def competition(folder: Path, rows: int = 90, test_rows: int = 12) -> Path:
    """Write built-in battles as the competition's three files."""
    folder.mkdir(parents=True)
    for part, count in (("train", rows), ("test", test_rows)):
        battles = sample_battles(count, 0, part=part).battles
        table = {"id": [str(1000 + place) for place in range(count)]}
        for side in ("prompt", "response_a", "response_b"):
            table[side] = [json.dumps(list(turns)) for turns in battles[side]]
        if part == "train":
            table |= {name: (battles["outcome"] == place).astype(int) for place, name in enumerate(OUTCOMES)}
            table |= {name: battles[name] for name in ("model_a", "model_b")}
        pd.DataFrame(table).to_csv(folder / f"{part}.csv", index=False)
    sample = pd.DataFrame({"id": table["id"], **{name: [1 / 3] * test_rows for name in OUTCOMES}})
    sample.to_csv(folder / "sample_submission.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A run's folder, and a folder like /kaggle/input with its bundle and the competition's files."""
    folder = tmp_path_factory.mktemp("kaggle")
    data = competition(folder / "input" / "llm-classification-finetuning")
    params = small_params(folder, data={"dir": str(data), "sample": {}}, report={"enabled": False})
    small_run(params)
    bundle(
        params.run.folder,
        folder / "input" / "mine",
        Options("somebody"),
    )
    return params.run.folder, folder / "input"


@pytest.fixture(scope="module")
def python(tmp_path_factory: pytest.TempPathFactory) -> Path:
    names = (*LACKED, PROJECT, BUILTIN_PACKAGE, "lightgbm", "xgboost-cpu", "xgboost")
    return clean_python(tmp_path_factory.mktemp("clean") / "python", names)


def run_notebook(notebook: Path, python: Path, inputs: Path, working: Path) -> subprocess.CompletedProcess[str]:
    """Run the code of a notebook in `working`, without network, and return what came of it."""
    working.mkdir(parents=True)
    code = code_of(json.loads(notebook.read_text(encoding="utf-8")))
    command = [*cut_off(python), str(python), "-c", code]
    env = environment(working / "home", KAGGLE_INPUT=str(inputs))
    return subprocess.run(command, cwd=working, env=env, capture_output=True, text=True, check=False)


def test_the_clean_python_lacks_what_kaggle_lacks(python: Path, tmp_path: Path):
    names = "('stacker', 'textstat', 'vaderSentiment', 'lightgbm')"
    code = f"import importlib.util as u; print([n for n in {names} if u.find_spec(n)])"
    command = [python, "-c", code]
    done = subprocess.run(command, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
    code = "import socket; socket.create_connection(('192.0.2.1', 80), timeout=30)"
    command = [*cut_off(python), str(python), "-c", code]
    done = subprocess.run(command, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1 and ("unreachable" in done.stderr or "network is cut" in done.stderr)


def test_the_notebook_predicts_what_the_run_predicted(bundled, python: Path, tmp_path: Path):
    run, inputs = bundled
    done = run_notebook(inputs / "mine" / "predict" / "predict.ipynb", python, inputs, tmp_path / "working")
    assert done.returncode == 0, done.stderr[-2000:]
    assert (tmp_path / "working" / "submission.csv").read_bytes() == (run / "submission.csv").read_bytes()
    assert {path.name for path in (tmp_path / "working").iterdir()} == {"submission.csv", "home"}


@pytest.mark.slow
def test_the_training_notebook_learns_the_same_there(bundled, python: Path, tmp_path: Path):
    run, inputs = bundled
    done = run_notebook(inputs / "mine" / "train" / "train.ipynb", python, inputs, tmp_path / "working")
    assert done.returncode == 0, done.stderr[-2000:]
    here, there = (pd.read_csv(folder / "submission.csv") for folder in (run, tmp_path / "working"))
    assert here["id"].tolist() == there["id"].tolist()
    assert np.abs(here[OUTCOMES].to_numpy() - there[OUTCOMES].to_numpy()).max() < 1e-6
    assert (tmp_path / "working" / "judge" / "judge.json").exists()


@pytest.mark.real
@pytest.mark.skipif(not REAL.exists(), reason="the real battles are not beside this checkout")
@pytest.mark.slow
def test_a_longer_hidden_test_file_needs_no_more_memory(bundled, python: Path, tmp_path: Path):
    _, inputs = bundled
    with (REAL / "test.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    places = tmp_path / "input"
    places.mkdir()
    (places / "mine").symlink_to(inputs / "mine")
    submissions, peaks = [], []
    for times in (1, 5):
        data = places / "competition"
        data.mkdir(exist_ok=True)
        with (data / "test.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerows([head, *([f"{row[0]}-{time}", *row[1:]] for time in range(times) for row in rows)])
        working = tmp_path / f"working-{times}"
        code = MEASURED + code_of(
            json.loads((inputs / "mine" / "predict" / "predict.ipynb").read_text(encoding="utf-8"))
        )
        working.mkdir()
        code = code.replace('INPUT.rglob("bundle.json")', '(INPUT / "mine").resolve().rglob("bundle.json")')
        code = code.replace('"--rescue"', '"--rescue", "--rows-at-once", 60')  # several parts of few rows
        env = environment(working / "home", KAGGLE_INPUT=str(places))
        command = [*cut_off(python), str(python), "-c", code]
        done = subprocess.run(command, cwd=working, env=env, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        peaks.append(float((working / "peak").read_text(encoding="utf-8")))
        submissions.append(pd.read_csv(working / "submission.csv", dtype={"id": str}).set_index("id"))
    assert len(submissions[1]) == 5 * len(submissions[0])
    for time in range(5):
        again = submissions[1].loc[[f"{row[0]}-{time}" for row in rows]].to_numpy()
        assert np.array_equal(again, submissions[0].to_numpy())
    assert peaks[1] < 1.2 * peaks[0]


MEASURED = """\
import atexit, pathlib, resource
place = pathlib.Path.cwd() / "peak"
atexit.register(lambda: place.write_text(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)))
"""


def test_the_bundle_holds_what_kaggles_client_wants(bundled):
    _, inputs = bundled
    mine = inputs / "mine"
    dataset = json.loads((mine / "dataset" / "dataset-metadata.json").read_text(encoding="utf-8"))
    assert dataset["id"] == "somebody/preference-stacker"
    for kind in ("predict", "train"):
        kernel = json.loads((mine / kind / "kernel-metadata.json").read_text(encoding="utf-8"))
        assert (mine / kind / kernel["code_file"]).exists()
        assert kernel["enable_internet"] == "false"
        assert kernel["dataset_sources"] == [dataset["id"]]
        assert kernel["competition_sources"] == ["llm-classification-finetuning"]
        assert kernel["id"].partition("/")[2] == kernel["title"].lower().replace(" ", "-")
        notebook = json.loads((mine / kind / kernel["code_file"]).read_text(encoding="utf-8"))
        assert notebook["nbformat"] == 4
        compile(code_of(notebook), kind, "exec")
    about = json.loads((mine / "dataset" / "bundle.json").read_text(encoding="utf-8"))
    assert sum(about["prior"]) == pytest.approx(1)
    wheels = {path.name.partition("-")[0].lower() for path in (mine / "dataset" / "wheels").iterdir()}
    assert {"preference_stacker", "textstat", "vadersentiment", "pyphen", "lightgbm", "xgboost_cpu"} <= wheels
    params = (mine / "dataset" / "params.yaml").read_text(encoding="utf-8")
    assert str(inputs) not in params and "dashboard" not in params


def test_another_competition_is_attached_by_its_option(bundled, tmp_path: Path, capsys):
    run, _ = bundled
    other = ["--competition", "lmsys-chatbot-arena", "--wheels", "none"]
    main([str(run), "--user", "me", "--out", str(tmp_path / "out"), *other])
    for kind in ("predict", "train"):
        kernel = json.loads((tmp_path / "out" / kind / "kernel-metadata.json").read_text(encoding="utf-8"))
        assert kernel["competition_sources"] == ["lmsys-chatbot-arena"]


def test_the_projects_wheel_says_what_it_is_and_installs(python: Path, tmp_path: Path):
    path = project_wheel(tmp_path)
    name, version, _, tags = parse_wheel_filename(path.name)
    with zipfile.ZipFile(path) as archive:
        info = f"{path.name.split('-')[0]}-{version}.dist-info"
        about = message_from_bytes(archive.read(f"{info}/WHEEL"))
        listed = [line.split(",") for line in archive.read(f"{info}/RECORD").decode().splitlines()]
        for each, digest, size in listed[:-1]:
            data = archive.read(each)
            assert (digest, int(size)) == (f"sha256={_urlsafe(data)}", len(data))
        assert [each for each, _, _ in listed] == archive.namelist()
    assert set().union(*map(parse_tag, about.get_all("Tag"))) == tags
    assert (about["Wheel-Version"], about["Root-Is-Purelib"], about.get_payload()) == ("1.0", "true", "")
    target = tmp_path / "target"
    install = ["-m", "pip", "install", "--quiet", "--no-index", "--no-deps", "--find-links", str(tmp_path)]
    subprocess.run([python, *install, "--target", str(target), f"{name}=={version}"], check=True)
    code = (
        "from importlib.metadata import version; import stacker; print(version('preference-stacker'), stacker.__file__)"
    )
    env = environment(tmp_path / "home", PYTHONPATH=str(target))
    done = subprocess.run([python, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(version), str(target / "stacker" / "__init__.py")]


def _urlsafe(data: bytes) -> str:
    return base64.urlsafe_b64encode(hashlib.sha256(data).digest()).rstrip(b"=").decode()


def test_a_packed_wheel_lists_its_files(tmp_path: Path):
    path = installed_wheel("vaderSentiment", tmp_path)
    assert path.name.endswith("-py2.py3-none-any.whl")
    with zipfile.ZipFile(path) as archive:
        names = archive.namelist()
        record = archive.read(next(name for name in names if name.endswith("/RECORD"))).decode()
    assert [line.partition(",")[0] for line in record.splitlines()] == names
    assert "vaderSentiment/vader_lexicon.txt" in names


def test_a_judge_with_an_encoder_takes_it_along(bundled, tiny_checkpoint, tmp_path: Path):
    run, _ = bundled
    copy = tmp_path / "run"
    (copy / "judge").mkdir(parents=True)
    for name in ("results.json", "params.yaml"):
        (copy / name).write_bytes((run / name).read_bytes())
    described = json.loads((run / "judge" / "judge.json").read_text(encoding="utf-8"))
    folder = tiny_checkpoint("distilbert")
    described["encoder"] = {
        "name": str(folder),
        "sha256": "0" * 64,
        "params": {"model": str(folder), "models_dir": "models"},
    }
    (copy / "judge" / "judge.json").write_text(json.dumps(described), encoding="utf-8")
    bundle(copy, tmp_path / "out", Options("somebody", wheels="none"))
    dataset = tmp_path / "out" / "dataset"
    there = json.loads((dataset / "judge" / "judge.json").read_text(encoding="utf-8"))["encoder"]["params"]
    assert there["model"] == f"models/{folder.name}"
    assert (dataset / there["model"] / "model.safetensors").exists()
    assert [path.name.partition("-")[0] for path in (dataset / "wheels").iterdir()] == ["preference_stacker"]


def test_a_judge_that_was_pointed_elsewhere_still_lists_the_hashes_of_its_files(
    bundled, tiny_checkpoint, tmp_path: Path
):
    run, _ = bundled
    copy = Path(shutil.copytree(run, tmp_path / "run"))
    learner = copy / "judge" / "learners" / "9_transformer" / "learner.json"
    learner.parent.mkdir()
    base = {"name": str(tiny_checkpoint("distilbert")), "inside": False, "beside": "models"}
    learner.write_text(json.dumps({"base": base}), encoding="utf-8")
    bundle(copy, tmp_path / "out", Options("somebody", wheels="none"))
    judge = tmp_path / "out" / "dataset" / "judge"
    files = json.loads((judge / "judge.json").read_text(encoding="utf-8"))["files"]
    assert files["learners/9_transformer/learner.json"]["sha256"] != sha256_of(learner)
    assert first_difference(judge, {name: StoredFile(**file) for name, file in files.items()}) is None


def test_ids_that_were_not_predicted_get_the_fallback(tmp_path: Path):
    (tmp_path / "p.csv").write_text("id,winner_model_a,winner_model_b,winner_tie\n1,0.5,0.25,0.25\n", encoding="utf-8")
    (tmp_path / "s.csv").write_text("id,winner_model_a\n2,0\n1,0\n", encoding="utf-8")
    assert complete(tmp_path / "p.csv", tmp_path / "out.csv", tmp_path / "s.csv", (0.4, 0.4, 0.2)) == 1
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert lines[1:] == ["2,0.4,0.4,0.2", "1,0.5,0.25,0.25"]
    with pytest.raises(UserError, match="predict again"):
        complete(tmp_path / "absent.csv", tmp_path / "out.csv", None, (0.4, 0.4, 0.2))


def test_what_the_user_can_fix_is_one_sentence(bundled, tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    run, _ = bundled
    for arguments, said in (
        ([str(tmp_path), "--user", "me"], "holds no finished run"),
        ([str(run), "--user", "a b"], "is no Kaggle user name"),
        ([str(run), "--user", "me", "--slug", "No"], "Kaggle wants 6 to 40"),
        ([str(run), "--user", "me", "--competition", "https://kaggle"], "is no name of one"),
        ([str(run), "--user", "me", "--also", "no-such-package-here"], "is not installed here"),
    ):
        with pytest.raises(SystemExit) as ended:
            main([*arguments, "--out", str(tmp_path / "out")])
        assert ended.value.code == 2
        assert said in capsys.readouterr().err
        assert not (tmp_path / "out").exists()
