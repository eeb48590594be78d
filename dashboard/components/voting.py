"""What one votes with: an answer on each side, the votes, and the reasons."""

import param

from dashboard.components.look import ANSWER, BARS, TEXT
from dashboard.components.part import SCRIPTS, Part


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
