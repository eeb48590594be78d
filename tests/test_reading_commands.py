"""Every command that takes files of votes reads any columns, names the form of each file, and stops at a lossy one."""

import csv
from importlib import import_module
from pathlib import Path

import pytest
from small_judges import battles

COLUMNS = (
    "prompt=ask,response_a=left,response_b=right,winner=choice,model_a=m,model_b=n,values.l=a,values.r=b,values.s=tie"
)
COMMANDS = [
    ("stacker.predict", ["own.csv", "--out", "out.csv"], "battles"),
    ("stacker.evaluate.__main__", ["starter", "own.csv"], "votes"),
    ("stacker.audit.__main__", ["--export", "q.jsonl", "own.csv", "--probes", "padding"], "battles"),
    ("stacker.audit.__main__", ["starter", "own.csv", "--probes", "padding", "--rows", "9"], "battles"),
    ("stacker.leaderboard.__main__", ["votes", "own.csv"], "battles"),
    ("stacker.recalibrate", ["starter", "own.csv", "--out", "new"], "votes"),
    ("pipelines.preferences", ["own.csv", "--out", "pairs.jsonl"], "votes"),
    ("pipelines.dpo", ["model", "own.csv", "--out", "tuned"], "votes"),
]


@pytest.fixture(autouse=True)
def own(tmp_path, monkeypatch):
    """Write 30 votes in columns of no known form, and a battle without one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(
        "pipelines.dpo._trl", object
    )  # whether it is installed or not: files are read before it is used
    frame, outcome = battles(30, 3)
    with Path("own.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["ask", "left", "right", "choice", "m", "n"])
        for row, vote in zip(frame.itertuples(), outcome, strict=True):
            writer.writerow([row.prompt[0], row.response_a[0], row.response_b[0], "lrs"[vote], "red", "blue"])
        writer.writerow(["?", "one answer", "another", "", "red", "blue"])


def asked(name, arguments, *more):
    import_module(name).main([*arguments, "--columns", COLUMNS, *more])


@pytest.mark.parametrize(("name", "arguments", "what"), COMMANDS)
def test_columns_are_named_by_hand_and_the_form_is_told(name, arguments, what, capsys):
    if name == "pipelines.dpo":  # its model is looked for once the file is read
        with pytest.raises(SystemExit):
            asked(name, arguments)
    else:
        asked(name, arguments)
    assert f"own.csv: columns named by hand, {30 if what == 'votes' else 31} {what}" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "arguments", "what"), [each for each in COMMANDS if each[2] == "votes"])
def test_a_file_that_loses_more_than_is_allowed_ends_the_command(name, arguments, what, capsys):
    with pytest.raises(SystemExit) as ended:
        asked(name, arguments, "--max-rejected", "0")
    told = capsys.readouterr().err
    assert ended.value.code == 2 and "1 of 31 rows cannot be used, too many to go on" in told
    assert sorted(path.name for path in Path().iterdir()) == ["own.csv"]
    with pytest.raises(SystemExit) as ended:
        asked(name, arguments, "--max-rejected", "1.5")
    assert ended.value.code == 2 and "--max-rejected 1.5" in capsys.readouterr().err


def test_the_export_of_an_audit_names_columns_for_the_next_command(capsys):
    asked("stacker.audit.__main__", ["--export", "q.jsonl", "own.csv", "--probes", "padding"], "--max-rejected", "0.2")
    said = "".join(capsys.readouterr().out.split())  # the screen breaks lines
    assert "--probespadding--columns'{\"" in said and said.endswith("--max-rejected0.2")


def test_lost_rows_are_told_one_by_one_up_to_three_without_invisible_characters(capsys):
    from pipelines.formats.reading_options import ReadingOptions
    from pipelines.formats.told_reading import read_told

    lines = ["prompt,response_a,response_b,winner", *[f"p{n},x,y,a" for n in range(20)]]
    Path("odd\u202e.csv").write_text("\n".join([*lines, *[f"q{n},x,y," for n in range(5)]]) + "\n")
    said = []
    found = read_told([Path("odd\u202e.csv")], ReadingOptions(), said.append, labelled=True)
    assert len(found) == 20 and len(said) == 5 and "20 votes" in said[0]
    assert "line 22" in said[1] and said[-1].endswith("2 more rows cannot be used.") and "\u202e" not in "".join(said)
