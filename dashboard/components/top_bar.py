"""The bar above every page."""

import param

from dashboard.components.look import BARS
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
