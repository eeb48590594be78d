"""A table of which one page is shown at a time."""

import param

from dashboard.components.look import TABLE
from dashboard.components.part import SCRIPTS, Part


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
