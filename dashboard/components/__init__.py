"""What the page is made of, each a small script with the words and states that Python gives it.

Whatever a component sends comes from the browser and is checked by the page that gets it.
"""

from pathlib import Path

import param
from panel.custom import JSComponent

from dashboard.components.look import ANSWER, BARS, COMPOSER, TABLE, TEXT

_FOLDER = Path(__file__).parent


class TopBar(JSComponent):
    """Where one is, the language, light or dark.

    Attributes
    ----------
    pages : list of (name, title)
        The menu.
    active : str
        Name of the page in view; set by a press or by the address.
    languages : list of (code, name)
        Those to choose from; `language` is the present one.
    session : str
        The pseudonym to keep in a cookie; "" for a person with an account, whose name is `user`.
    judge, judge_warns : str, bool
        The line on the judge in use, and whether it is a warning.
    zone : str
        The browser's time zone.
    """

    judge = param.String()
    judge_warns = param.Boolean()
    brand = param.String()
    pages = param.List()
    active = param.String()
    languages = param.List()
    language = param.String()
    words = param.Dict(default={})
    session = param.String()
    user = param.String()
    zone = param.String(default="UTC")

    _esm = _FOLDER / "topbar.js"
    _stylesheets = [BARS]


class Composer(JSComponent):
    """The field for a question.

    Attributes
    ----------
    sent : dict
        `{"text": …, "number": …}` after each press.
    sources : list of (code, name)
        Who may answer, to choose from; the choice is `source`.
    cleared, focused : int
        Growing empties the field, and sets the cursor into it.
    """

    words = param.Dict(default={})
    examples = param.List()
    most = param.Integer(default=8_000)
    busy = param.Boolean()
    notice = param.String()
    cleared = param.Integer()
    focused = param.Integer()
    sources = param.List()
    source = param.String()
    sent = param.Dict(default={})

    _esm = _FOLDER / "composer.js"
    _stylesheets = [COMPOSER]


class AnswerColumn(JSComponent):
    """One answer; `again` counts the presses of "try again"."""

    side = param.String()
    html = param.String()
    state = param.String(default="waiting")
    note = param.String()
    failed = param.Boolean()
    who = param.String()
    chosen = param.String()
    can_retry = param.Boolean()
    words = param.Dict(default={})
    again = param.Integer()

    _esm = _FOLDER / "answer.js"
    _stylesheets = [TEXT, ANSWER]


class VoteBar(JSComponent):
    """The votes; `press` is `{"code": …, "number": …}`, `turn` grows when a press has been dealt with."""

    stage = param.String(default="answering")
    choices = param.List()
    line = param.String()
    warns = param.Boolean()
    undo_seconds = param.Number(default=0)
    words = param.Dict(default={})
    turn = param.Integer()
    press = param.Dict(default={})

    _esm = _FOLDER / "votebar.js"
    _stylesheets = [BARS]


class Table(JSComponent):
    """One page of a table.

    Attributes
    ----------
    columns : list of (name, title)
        The headings, in order.
    rows : list of list of str
        The texts of this page's rows.
    opener : str
        Name of the column at whose cell a row is opened by keyboard.
    sort, descending : str, bool
        By which column the rows are sorted, and which way.
    page, pages : int
        From 1.
    opened : int
        Place on the page of the row that is open; -1 for none.
    words : dict
        `label` and `pages` (names of the table and of the pager), `none` (said where there is no row), `first`, `last`,
        `prev`, `next`.
    press : dict
        `{"sort": name}`, `{"page": number}` or `{"open": place}` after each press, with a `number` of its own.
    """

    columns = param.List()
    rows = param.List()
    opener = param.String()
    sort = param.String()
    descending = param.Boolean()
    page = param.Integer(default=1)
    pages = param.Integer(default=1)
    opened = param.Integer(default=-1)
    words = param.Dict(default={})
    press = param.Dict(default={})

    _esm = _FOLDER / "table.js"
    _stylesheets = [TABLE]
