from pathlib import Path

import pytest
import yaml

from pipelines.errors import UserError
from pipelines.settings import todays_name
from stacker.learners.learner_registry import SWITCHED
from stacker.learners.trees.boosting import LightGBMParams
from stacker.training.params import Params, described_keys, dump_params, key_names, parse_params, read_params
from stacker.training.train import stack_learners

ROOT = Path(__file__).parents[3]


def written(tmp_path, text):
    path = tmp_path / "p.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_projects_own_file_says_every_key_and_each_default():
    """params.yaml is where people read what there is, so it may neither lack a key nor show another default."""
    stands = yaml.safe_load((ROOT / "params.yaml").read_text(encoding="utf-8"))
    resolved = read_params(ROOT / "params.yaml")
    assert dump_params(resolved) == dump_params(Params().model_copy(update={"dashboard": resolved.dashboard}))

    def leaves(node, prefix=""):
        for key, value in node.items():
            if isinstance(value, dict):
                yield from leaves(value, f"{prefix}{key}.")
            else:
                yield f"{prefix}{key}"

    assert {name for name, _ in key_names() if name.partition(".")[0] not in ("dashboard", "study")} <= set(
        leaves(stands)
    )


def test_a_section_left_out_has_its_defaults(tmp_path):
    assert read_params(written(tmp_path, "run:\n  seed: 7\n")).run.seed == 7
    assert read_params(written(tmp_path, "")) == Params()


def test_a_file_of_a_version_that_drew_its_intervals_is_still_read(tmp_path):
    assert read_params(written(tmp_path, "run:\n  bootstrap_draws: 500\n  seed: 7\n")).run.seed == 7


def test_what_is_dumped_reads_back_to_the_same(tmp_path):
    params = parse_params({"run": {"seed": 3}, "learners": {"sparse": {"word_ngrams": [1, 3]}}})
    assert read_params(written(tmp_path, dump_params(params))) == params


@pytest.mark.parametrize(
    ("override", "key", "value"),
    [
        ("run.seed=9", "seed", 9),
        ("run.folder=runs/other", "folder", Path("runs/other")),
        ("run.threads=1", "threads", 1),
    ],
)
def test_an_override_wins_over_the_file(tmp_path, override, key, value):
    params = read_params(written(tmp_path, "run: {seed: 1}\n"), [override])
    assert getattr(params.run, key) == value


@pytest.mark.parametrize("named", ["a.csv", "[a.csv]", "{path: a.csv}", "[{path: a.csv}]"])
def test_a_source_may_be_a_path_alone(tmp_path, named):
    params = read_params(written(tmp_path, ""), [f"data.sources={named}"])
    assert [(source.path.name, source.weight) for source in params.data.sources] == [("a.csv", 1.0)]


def test_an_override_reaches_into_a_list(tmp_path):
    path = written(tmp_path, "data:\n  sources:\n    - path: a.csv\n    - path: b.csv\n")
    params = read_params(path, ["data.sources.1.weight=0.5"])
    assert [source.weight for source in params.data.sources] == [1.0, 0.5]


BAD = [
    ("run:\n  sed: 1\n", [], ["run.sed", "unknown", "did you mean run.seed?"]),
    ("learner: {}\n", [], ["learner", "unknown", "did you mean learners?"]),
    (
        "learners: {judges: [{name: llm, model: m, temprature: 1}]}\n",
        [],
        ["learners.judges.0.temprature", "did you mean learners.judges.0.temperature?"],
    ),
    ("data: {sources: [{path: x.csv, wieght: 2}]}\n", [], ["did you mean data.sources.0.weight?"]),
    ("run:\n  seed: one\n", [], ["run.seed", "'one'", "integer"]),
    ("run:\n  threads: -1\n", [], ["run.threads", "-1", "greater than or equal to 0"]),
    ("folds:\n  count: 1\n", [], ["folds.count", "1", "greater than or equal to 2"]),
    ("stack:\n  form: mean\n", [], ["stack.form", "'mean'", "'pool' or 'logistic'"]),
    ("features:\n  style: perhaps\n", [], ["features.style", "'perhaps'", "boolean"]),
    ("- a\n- b\n", [], ["holds list", "section:"]),
    ("run: [\n", [], ["line", "not valid YAML"]),
    ("run: {seed: 1}\nfolds: {}\nrun: {seed: 2}\n", [], ["line 3: the key run stands there twice"]),
    ("data:\n  sources: 3\n", [], ["data.sources", "must be a list"]),
    (
        "data: {sources: [{paht: x.csv}]}\n",
        [],
        ["data.sources.0.paht is unknown", "did you mean data.sources.0.path?", "1 more key is wrong"],
    ),
    ("folds: 3\n", [], ["folds is 3", "must be a section"]),
    ("run: {folder: no}\n", [], ["run.folder is False", "must be a path: write it in quotes"]),
    ("yes: 1\n", [], ["a key that is no text"]),
    ("", ["run." + "a." * 5000 + "b=1"], ["sections inside one another"]),
    ("run:\n\tseed: 1\n", [], ["line 2", "not valid YAML"]),
    ("encoder:\n  max_tokens: 2\n", [], ["encoder.max_tokens", "2", "greater than or equal to 8"]),
    ("learners:\n  sparse:\n    word_ngrams: 3\n", [], ["learners.sparse.word_ngrams", "3"]),
    ("", ["run.seed"], ["--set run.seed", "no `=`", "section.key=value"]),
    ("", ["=3"], ["--set =3", "section.key=value"]),
    ("", ["run.seed=[1"], ["--set run.seed=[1", "not valid YAML"]),
    ("", ["run.seeds=1"], ["run.seeds", "did you mean run.seed?"]),
    ("run:\n  seed: 1\n", ["run.seed.deep=1"], ["--set run.seed.deep=1", "run.seed is a value, not a section"]),
    ("data:\n  sources: [{path: a.csv}]\n", ["data.sources.4.weight=1"], ["items 0 to 0", "4 is none of them"]),
]


@pytest.mark.parametrize(("text", "overrides", "said"), BAD)
def test_a_mistake_is_named_in_one_sentence(tmp_path, text, overrides, said):
    with pytest.raises(UserError) as fault:
        read_params(written(tmp_path, text), overrides)
    sentence = str(fault.value)
    assert "\n" not in sentence
    for part in said:
        assert part in sentence


def test_a_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(UserError, match=r"none\.yaml: cannot be read"):
        read_params(tmp_path / "none.yaml")
    path = tmp_path / "latin.yaml"
    path.write_bytes("run: {seed: 1} # é".encode("latin-1"))
    with pytest.raises(UserError, match="is not UTF-8 text"):
        read_params(path)


def test_the_help_lists_every_key():
    shown = described_keys()
    for name, _ in key_names():
        assert f"  {name} " in shown


ODD = (
    *("''", r'"\0"', r'"\ud800"', 300 * "a", "-1", "1e308", "1e-320", ".inf", "-.inf", ".nan", "1" + 30 * "0", "true"),
    *("2020-01-01", "[]", "{}", "[-1]", "['']", "[null]", "[{}]", "[.nan]", "[3, 1]", "{1: 2}", "&a {x: *a}"),
)


@pytest.mark.parametrize("value", ODD)
def test_a_value_that_no_library_could_take_is_one_sentence_for_every_key(tmp_path, value):
    path = written(tmp_path, "")
    refused = 0
    for name, _ in key_names():
        try:
            read_params(path, [f"{name}={value}"])
        except UserError as fault:
            refused += 1
            assert "\n" not in str(fault) and len(str(fault)) < 400 and name.partition(".")[0] in str(fault)
    assert refused


def test_without_any_learner_there_is_no_run():
    off = {name: {"enabled": False} for name in SWITCHED}
    with pytest.raises(UserError, match="every learner is off"):
        stack_learners(parse_params({"learners": off, "transformer": {"enabled": False}}), [])


FORMER = {
    "learners.lightgbm": "rounds stop_after leaves depth least_rows row_share column_share rate_most".split(),
    "learners.xgboost": "rounds stop_after leaves depth least_rows row_share column_share rate_most".split(),
    "learners.linear": ["strengths"],
    "learners.sparse": ["strengths", "least_answers", "most_characters"],
    "balance": ["neighbours"],
    "transformer": ["strengths", "batch", "warmup", "held_share"],
}


def test_former_names_of_keys_are_read_with_one_line_that_tells_todays(tmp_path, capsys):
    defaults = dict(key_names())
    content: dict = {}
    for section, keys in FORMER.items():
        for key in keys:
            name, _ = todays_name(Params, f"{section}.{key}")
            assert name != f"{section}.{key}"
            place = content
            for part in section.split("."):
                place = place.setdefault(part, {})
            value = defaults[name]
            place[key] = list(value) if isinstance(value, tuple) else value
    assert read_params(written(tmp_path, yaml.safe_dump(content))) == Params()
    told = capsys.readouterr().err
    assert told.count("\n") == 1 and "learners.lightgbm.rounds is now called n_estimators" in told
    assert parse_params(content) == Params()
    assert capsys.readouterr().err.count("is now called") == sum(map(len, FORMER.values()))
    read_params(ROOT / "params.yaml")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("inside", ["", "models:\n    - {model: roberta-base, batch: 8}\n  "])
def test_former_names_stand_for_todays_wherever_a_key_is_written(tmp_path, capsys, inside):
    file = written(tmp_path, f"learners: {{lightgbm: {{leaves: 5}}}}\ntransformer:\n  {inside}batch: 4\n")
    for override in ("learners.lightgbm.leaves=7", "learners.lightgbm.num_leaves=7"):
        params = read_params(file, [override])
        assert params.learners.lightgbm.num_leaves == 7
        assert (params.transformer.batch_size, params.transformer.each()[0].batch_size) == (4, 8 if inside else 4)
        assert "leaves is now called num_leaves" in capsys.readouterr().err
    space = {"learners.lightgbm.leaves": {"low": 4, "high": 9}, "learners": {"xgboost": {"depth": [2, 3]}}}
    found = parse_params({"study": {"space": space}}).study.space
    assert set(found) == {"learners.lightgbm.num_leaves", "learners"} and set(found["learners"]["xgboost"]) == {
        "max_depth"
    }
    assert LightGBMParams(leaves=6, rounds=9) == LightGBMParams(num_leaves=6, n_estimators=9)


def test_a_key_under_both_its_names_is_refused():
    with pytest.raises(UserError, match=r"learners.lightgbm.leaves is the former name of num_leaves; give only num_le"):
        parse_params({"learners": {"lightgbm": {"leaves": 5, "num_leaves": 6}}})
    with pytest.raises(ValueError, match="leaves is the former name of num_leaves, and both are given"):
        LightGBMParams(leaves=5, num_leaves=6)
    with pytest.raises(UserError, match="models.0.batch is the former name of batch_size"):
        parse_params({"transformer": {"models": [{"model": "m", "batch": 5, "batch_size": 6}]}})
