"""Every form of votes, and which of them a file has: exactly one, or a sentence on what it has and what is needed."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pipelines.battles.table import OUTCOMES, TEXT_COLUMNS
from pipelines.errors import UserError, shown
from pipelines.files.atomic_files import is_utf8
from pipelines.formats.columns.text_columns import answer_columns, prompt_column
from pipelines.formats.containers.raw_rows import NOT_UTF8
from pipelines.formats.forms.arena_records import PAIRS, ArenaRecords, Comparia, FullConversations
from pipelines.formats.forms.argilla import Argilla
from pipelines.formats.forms.chosen_rejected import ChosenRejected
from pipelines.formats.forms.fastchat_log import FastChatLog
from pipelines.formats.forms.form_interface import RowReading, Shape, VoteForm
from pipelines.formats.forms.graded import AlpacaOutputs, Graded
from pipelines.formats.forms.label_studio import LabelStudio, LabelStudioTable
from pipelines.formats.forms.oasst_trees import OasstMessages, OasstTrees
from pipelines.formats.forms.open_webui import OpenWebUI
from pipelines.formats.forms.prodigy import Prodigy
from pipelines.formats.forms.ranked_answers import RankedAnswers
from pipelines.formats.forms.side_columns import SideColumns
from pipelines.formats.records import BadRecordError, Record

FORMS: tuple[type[VoteForm], ...] = (
    SideColumns,
    ArenaRecords,
    FullConversations,
    Comparia,
    ChosenRejected,
    RankedAnswers,
    OasstTrees,
    OasstMessages,
    Graded,
    FastChatLog,
    OpenWebUI,
    LabelStudio,
    LabelStudioTable,
    Argilla,
    Prodigy,
    AlpacaOutputs,
)
"""Every form: a new one has a file of its own in this folder and a line here."""
_SHOWN = 300
_EXAMPLE = "{prompt: question, response_a: left, response_b: right, winner: choice}"


class Unreadable(VoteForm):
    """No form: not one of the first rows can be read, and no row is a battle."""

    title = "no row that can be read"
    needs = ""

    @classmethod
    def fits(cls, shape: Shape, labelled: bool | None) -> bool:
        """Tell whether there is no row to look at, nor a head."""
        return not shape.columns

    def records(self, row: Mapping[str, Any], reading: RowReading) -> Iterator[Record]:
        """Raise: the row holds nothing."""
        raise BadRecordError(reading.trouble or "has no keys of a battle")


def form_of(path: Path, shape: Shape, labelled: bool | None, unread: Mapping[str, str] | None = None) -> VoteForm:
    """Return the form of a file.

    Parameters
    ----------
    path : Path
        For the sentences.
    shape : Shape
        Its columns and first rows.
    labelled : bool or None
        Whether there must be votes.
    unread : mapping of str to str, optional
        Columns that cannot be read, and their kinds.

    Raises
    ------
    UserError
        When no form fits, or several do.
    """
    if Unreadable.fits(shape, labelled):
        return Unreadable(shape)
    fitting = [form for form in FORMS if form.fits(shape, labelled)]
    if not fitting:
        raise UserError(_unknown(path, shape, labelled, unread or {}))
    forms = [form(shape) for form in fitting]
    try:
        names = [form.name() for form in forms]
    except UserError as fault:
        raise UserError(f"{path}: {str(fault).removesuffix('.')}.") from fault
    if len(forms) > 1:
        raise UserError(
            f"{path}: can be read as {names[0]} ({forms[0].needs}) and as {names[1]} ({forms[1].needs}); leave out the "
            f"columns of one, or say by columns which is which."
        )
    return forms[0]


def _unknown(path: Path, shape: Shape, labelled: bool | None, unread: Mapping[str, str]) -> str:
    """Say what a file of no known form has, and what is needed."""
    if not all(map(is_utf8, shape.columns)):
        return f"{path}, line 1: {NOT_UTF8}."
    lacking = _lacking(shape, labelled)
    odd = {name: kind for name, kind in unread.items() if name in (*TEXT_COLUMNS, *PAIRS[0], *OUTCOMES, "winner")}
    if odd and (any(name in odd for name in lacking) or not lacking):
        told = ", ".join(f"{name} as {shown(kind)}" for name, kind in odd.items())
        return f"{path}: has {told}, which cannot be read; write texts, lists of texts or numbers."
    has = shown(", ".join(shape.columns), _SHOWN)
    needs = f"{', '.join(TEXT_COLUMNS)} and winner, {ArenaRecords.needs}, or {ChosenRejected.needs}"
    if lacking:
        missing = f"is missing the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)}; it has {has}"
    else:
        missing = f"is of no known form; it has {has}"
    return f"{path}: {missing}; give it {needs}, or name its columns, as in columns: {_EXAMPLE}."


def _lacking(shape: Shape, labelled: bool | None) -> list[str]:
    """Return what is missing of the nearest form's columns; none where no form is near."""
    conversations = next((pair for pair in PAIRS if any(name in shape.columns for name in pair)), None)
    if conversations and not any(name in shape.columns for name in TEXT_COLUMNS[1:]):
        lacking = [name for name in conversations if name not in shape.columns]
        if labelled and not shape.has("winner") and not any(map(shape.has, OUTCOMES)):
            lacking.append("winner")
        return lacking
    if answer_columns(shape) and prompt_column(shape) is not None and not shape.has(*TEXT_COLUMNS):
        return ["winner"] if labelled else []  # all texts are there, by other names
    near = any(map(shape.has, TEXT_COLUMNS)) or any(map(shape.has, OUTCOMES))
    lacking = [name for name in TEXT_COLUMNS if not shape.has(name)] if near else []
    if near and labelled and (any(map(shape.has, OUTCOMES)) or not shape.has("winner")):
        marked = any(map(shape.has, OUTCOMES))
        lacking += [name for name in OUTCOMES if not shape.has(name)] if marked else ["winner"]
    return lacking
