from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

from dashboard.pages.file.file_chooser import FileChooser


def test_a_file_with_hidden_characters_in_its_name_is_offered_with_them_shown(tmp_path: Path) -> None:
    name = "<b>\u202ehostile.jsonl"
    (tmp_path / name).write_text("{}\n", encoding="utf-8")
    chooser = SimpleNamespace(folder=tmp_path, judges=SimpleNamespace(runs=list), say=None)
    assert FileChooser._offers(cast(Any, chooser)) == {"<b>⟦U+202E⟧hostile.jsonl": ("file", name)}
