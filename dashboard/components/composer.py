"""What one asks with: a question, a further one, and what is offered where nobody can answer."""

import param

from dashboard.components.look import COMPOSER, OFFERS
from dashboard.components.part import SCRIPTS, Part


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
