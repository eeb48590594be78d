"""What the page is made of, each a small script with the words and states that Python gives it.

Whatever a component sends comes from the browser and is checked by the page that gets it.
"""

import param

from dashboard.components.look import ANSWER, BARS, COMPOSER, OFFERS, TABLE, TEXT
from dashboard.components.part import SCRIPTS, Part


class TopBar(Part):
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

    _esm = SCRIPTS / "topbar.js"
    _stylesheets = [BARS]


class Composer(Part):
    """The field for a question.

    Attributes
    ----------
    sent : dict
        `{"text": …, "own": …, "number": …}` after each press.
    own : str
        A system prompt of the person's own, of at most `most_own` characters; it can be given where `may_own`.
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
    own = param.String()
    most_own = param.Integer(default=2_000)
    may_own = param.Boolean(default=True)
    sent = param.Dict(default={})

    _esm = SCRIPTS / "composer.js"
    _stylesheets = [COMPOSER]


class FurtherQuestion(Part):
    """What can be done with two answers besides voting on them.

    Attributes
    ----------
    can_ask, can_renew, can_leave : bool
        Whether a further question can be asked, both answers be written anew, and the last question be left out.
    told, warns : str, bool
        Why not, and whether that is a warning.
    turn, cleared : int
        Grow when a press has been dealt with, and to empty the field.
    press : dict
        `{"ask": text}`, `{"anew": true}` or `{"leave": true}` after each press, with a `number` of its own.
    """

    words = param.Dict(default={})
    most = param.Integer(default=8_000)
    told = param.String()
    warns = param.Boolean()
    can_ask = param.Boolean()
    can_renew = param.Boolean()
    can_leave = param.Boolean()
    turn = param.Integer()
    cleared = param.Integer()
    press = param.Dict(default={})

    _esm = SCRIPTS / "further.js"
    _stylesheets = [COMPOSER]


class ModelOffers(Part):
    """What a person can do where nobody here can answer her question.

    Attributes
    ----------
    examples : list of str
        Recorded questions to try.
    fetch : dict
        The small model: `state` (`none` to say nothing of it, `offered`, `running`, `failed`), `share` from 0 to 1, and
        `text`, what is said.
    models : list of (code, label)
        Those that were found; the one that is being tried is `trying`.
    may_choose : bool
        Whether this person may choose for the install.
    told : str
        What came of the last choice.
    press : dict
        `{"ask": text}`, `{"fetch": true}`, `{"stop": true}`, `{"use": code}` or `{"server": address}` after each press,
        with a `number` of its own.
    """

    examples = param.List()
    fetch = param.Dict(default={"state": "none"})
    models = param.List()
    trying = param.String()
    may_choose = param.Boolean(default=True)
    told = param.String()
    words = param.Dict(default={})
    press = param.Dict(default={})

    _esm = SCRIPTS / "offers.js"
    _stylesheets = [OFFERS]


class AnswerColumn(Part):
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

    _esm = SCRIPTS / "answer.js"
    _stylesheets = [TEXT, ANSWER]


class VoteBar(Part):
    """The votes; `press` is `{"code": …, "number": …}`, `turn` grows when a press has been dealt with."""

    stage = param.String(default="answering")
    choices = param.List()
    line = param.String()
    warns = param.Boolean()
    undo_seconds = param.Number(default=0)
    words = param.Dict(default={})
    turn = param.Integer()
    press = param.Dict(default={})

    _esm = SCRIPTS / "votebar.js"
    _stylesheets = [BARS]


class Reasons(Part):
    """Words to press and a line of one's own on why one voted as one did.

    Attributes
    ----------
    battle : str
        The battle that was voted on; another one empties the line.
    choices : list of (code, text)
        The words; those pressed are `chosen`, and the line is `remark`, when the battle is shown.
    most : int
        Characters of the line.
    line, warns : str, bool
        What became of what was given, and whether that is a warning.
    said : dict
        `{"reasons": [code, …], "remark": …, "number": …}`: all that is given, after each change.
    """

    battle = param.String()
    choices = param.List()
    chosen = param.List()
    remark = param.String()
    most = param.Integer(default=500)
    line = param.String()
    warns = param.Boolean()
    words = param.Dict(default={})
    said = param.Dict(default={})

    _esm = SCRIPTS / "reasons.js"
    _stylesheets = [BARS]


class Table(Part):
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

    _esm = SCRIPTS / "table.js"
    _stylesheets = [TABLE]
