"""What the page is made of, each a small script with the words and states that Python gives it.

Whatever a component sends comes from the browser and is checked by the page that gets it.
"""

from pathlib import Path

import param
from panel.custom import JSComponent

from dashboard.look import ANSWER, BARS, COMPOSER, TEXT

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
    zone : str
        The browser's time zone.
    """

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
