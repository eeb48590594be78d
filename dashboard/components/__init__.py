"""What the page is made of, each a small script with the words and states that Python gives it.

Whatever a component sends comes from the browser and is checked by the page that gets it.
"""

import base64
import binascii
from pathlib import Path
from typing import Any

import param
from panel.custom import JSComponent

from dashboard.components.look import ANSWER, BARS, COMPOSER, OFFERS, TABLE, TEXT, UPLOAD

_SCRIPTS = Path(__file__).parent / "scripts"


class _Part(JSComponent):
    """As wide as there is room for."""

    __abstract = True

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"sizing_mode": "stretch_width", "margin": 0, **params})


class TopBar(_Part):
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

    _esm = _SCRIPTS / "topbar.js"
    _stylesheets = [BARS]


class Composer(_Part):
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

    _esm = _SCRIPTS / "composer.js"
    _stylesheets = [COMPOSER]


class ModelOffers(_Part):
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

    _esm = _SCRIPTS / "offers.js"
    _stylesheets = [OFFERS]


class AnswerColumn(_Part):
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

    _esm = _SCRIPTS / "answer.js"
    _stylesheets = [TEXT, ANSWER]


class VoteBar(_Part):
    """The votes; `press` is `{"code": …, "number": …}`, `turn` grows when a press has been dealt with."""

    stage = param.String(default="answering")
    choices = param.List()
    line = param.String()
    warns = param.Boolean()
    undo_seconds = param.Number(default=0)
    words = param.Dict(default={})
    turn = param.Integer()
    press = param.Dict(default={})

    _esm = _SCRIPTS / "votebar.js"
    _stylesheets = [BARS]


class Reasons(_Part):
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

    _esm = _SCRIPTS / "reasons.js"
    _stylesheets = [BARS]


class Table(_Part):
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

    _esm = _SCRIPTS / "table.js"
    _stylesheets = [TABLE]


class Upload(_Part):
    """A place to drop one file, sent piece by piece over the page's own connection.

    Attributes
    ----------
    label, hint : str
        What the field says, in the person's language.
    accept : str
        Endings that the browser offers, e.g. `.csv,.parquet`.
    most_bytes : int
        Larger files are refused, here and in the browser.
    too_large : str
        What is said then.
    piece : int
        Bytes sent at a time; Bokeh's connection takes messages of 20 MB at most.
    """

    # Panel's FileDropper bounds sizes in the browser alone (the server keeps what is sent), sends all pieces at once
    # without waiting for the server, decodes what calls itself text, and has its words in English only
    label = param.String()
    hint = param.String()
    accept = param.String()
    most_bytes = param.Integer(default=200_000_000)
    too_large = param.String()
    piece = param.Integer(default=512 * 1024, constant=True)
    # properties, and no messages: the first message of a component that was added later can fail to leave the browser
    sent = param.Dict(default={})
    answer = param.Dict(default={})

    _esm = _SCRIPTS / "upload.js"
    _stylesheets = [UPLOAD]

    def __init__(self, **params: Any) -> None:
        super().__init__(**params)
        self._listeners: list[Any] = []
        self._number = -1
        self._name, self._size = "", 0
        self._pieces = bytearray()
        self.param.watch(lambda event: self._take_in(event.new), "sent")

    def on_file(self, listener: Any) -> None:
        """Call `listener(name, content)` whenever a file has come whole; `content` is a bytearray."""
        self._listeners.append(listener)

    def _take_in(self, data: Any) -> None:
        if not isinstance(data, dict) or not isinstance(data.get("number"), int):
            return
        if data.get("kind") == "begin":
            self._begin(data)
        elif data.get("kind") == "piece" and data["number"] == self._number:
            self._take(data)

    def _begin(self, data: dict[str, Any]) -> None:
        size = data.get("size")
        if not isinstance(size, int) or not 0 <= size <= self.most_bytes:
            self.answer = {"number": data["number"], "refused": True}
            return
        self._number, self._size, self._name = data["number"], size, str(data.get("name", ""))[:300]
        self._pieces = bytearray()
        self._answer()

    def _take(self, data: dict[str, Any]) -> None:
        try:
            piece = base64.b64decode(str(data.get("data", "")), validate=True)
        except (binascii.Error, ValueError):
            return
        if (
            data.get("start") != len(self._pieces) or len(self._pieces) + len(piece) > self._size
        ):  # not what was announced: not this component's sender
            self._number = -1
            return
        self._pieces += piece
        self._answer()

    def _answer(self) -> None:
        whole = len(self._pieces) >= self._size
        self.answer = {"number": self._number, "received": len(self._pieces), "whole": whole}
        if whole:
            self._number = -1
            content, self._pieces = self._pieces, bytearray()
            for listener in self._listeners:
                listener(self._name, content)
