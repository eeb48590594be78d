"""What the vote store holds and what it refuses: the battle as the person saw it, the tables, and the faults."""

import hashlib
import hmac
import json
import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import Column, DateTime, Dialect, Float, ForeignKey, Integer, MetaData, Table, Text, TypeDecorator

from dashboard.votes.self_naming import sides_named
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError


class StoreFault(UserError):  # noqa: N818 - the project's word for what goes wrong outside it
    """A vote or battle that was not stored, with a code for the page's texts.

    Attributes
    ----------
    code : str
        `already_voted`, `unknown_battle`, `other_session`, `too_late`, `nothing_to_undo`, `same_battle`,
        `no_vote`, `unavailable`, `bad_address`.
    details : dict
        Fields of the sentence.
    """

    def __init__(self, code: str, sentence: str, **details: Any) -> None:
        super().__init__(sentence)
        self.code = code
        self.details = details


class AlreadyVoted(StoreFault):
    """The battle has a vote that holds; `details` has its `choice` and `voted_at`."""


Choice = Literal["a", "tie", "b", "both_bad"]
CHOICES: tuple[Choice, ...] = ("a", "tie", "b", "both_bad")
"""What can be voted, in the order of the buttons and of the keys 1 to 4."""
DRAWN = ("shown_step", "shown_of", "shown_chance")
"""Columns of a `Draw`, empty where there is none."""
PAIRED = ("pair_of", "pair_chance")
"""Columns of a `Pairing`, empty where there is none."""
JSON_COLUMNS = ("settings_a", "settings_b")
_FOR_ONE = ("correct", "clear", "complete", "short", "instruction")
REASONS: dict[Choice, tuple[str, ...]] = {
    "a": _FOR_ONE,
    "b": _FOR_ONE,
    "tie": (),
    "both_bad": ("wrong", "unclear", "too_long", "off_instruction"),
}
"""What can be named as the reason of a vote, by what was voted; more than one may be."""
ASPECTS: dict[str, tuple[str, ...]] = {
    "correct": ("correct", "wrong"),
    "clear": ("clear", "unclear"),
    "complete": ("complete",),
    "short": ("short", "too_long"),
    "instruction": ("instruction", "off_instruction"),
}
"""What votes can be about, each with the reasons that name it."""
LONGEST_REMARK = 500
"""Characters of a reason in a person's own words."""
LONGEST_OWN_PROMPT = 2_000
"""Characters of a system prompt of one's own."""


class UtcTime(TypeDecorator[datetime]):
    """A moment with its zone, also in SQLite, which knows none."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn any zone into UTC; SQLite gets it without the mark."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone has no place in the vote store")
        value = value.astimezone(UTC)
        return value.replace(tzinfo=None) if dialect.name == "sqlite" else value

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give the moment its zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


_TABLES = MetaData()
BATTLES = Table(
    "battles",
    _TABLES,
    Column("id", Text, primary_key=True),
    Column("created_at", UtcTime),
    Column("session", Text),
    Column("source", Text),
    Column("lang", Text),
    *(Column(name, Text) for name in TEXT_COLUMNS),
    *(Column(name, Text) for name in ("style_a", "style_b", "model_a", "model_b", *JSON_COLUMNS, "fault_a", "fault_b")),
    *(Column(name, Float) for name in ("p_a", "p_b", "p_tie")),
    *(Column(name, Text) for name in ("judge", "asked", "origin", "origin_id", "named", "own_prompt")),
    *(Column(name, Float if name.endswith("_chance") else Integer) for name in (*DRAWN, *PAIRED)),
)
VOTES = Table(
    "votes",
    _TABLES,
    Column("id", Integer, primary_key=True),
    Column("battle_id", Text, ForeignKey("battles.id")),
    Column("session", Text),
    Column("choice", Text),
    Column("voted_at", UtcTime),
    Column("undone_at", UtcTime),
    Column("reasons", Text, nullable=False, default=""),
    Column("remark", Text, nullable=False, default=""),
)


@dataclass(frozen=True)
class Side:
    """One column of the page.

    Attributes
    ----------
    response : sequence of str
        The answer's turns, as far as they came.
    style : str
        The style's name; "" for a battle from a file.
    model : str
        Who answered; "" where unknown.
    settings : dict
        The generator and its settings (`Description.settings`).
    fault : str
        Code of the fault the answer ended in; "" for none.
    """

    response: Sequence[str]
    style: str = ""
    model: str = ""
    settings: dict[str, Any] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True)
class Draw:
    """How a battle of a file came to be shown.

    Attributes
    ----------
    step : int
        Battles of the file that the person had voted on before.
    of : int
        Battles that were left to show.
    chance : float
        With which probability it was this one of them, above 0.
    """

    step: int
    of: int
    chance: float


@dataclass(frozen=True)
class Pairing:
    """How the two styles of a question came to meet.

    Attributes
    ----------
    of : int
        Pairs of styles that could have been drawn.
    chance : float
        With which probability it was this one of them, above 0.
    """

    of: int
    chance: float


@dataclass(frozen=True)
class Battle:
    """A battle as it was shown, with the verdict on it.

    Attributes
    ----------
    id : str
        Unique; `new_battle_id()`, or `file_battle_id(…)` for a battle from a file.
    session : str
        The pseudonym of who may vote on it.
    prompt : sequence of str
        The turns that the two answers answer.
    a, b : Side
        The left and the right column.
    verdict : three floats or None
        The judge's probabilities of A, B and tie; None where no judge is loaded.
    judge : str
        Version of the judge; "" for none.
    lang : str
        Language of the prompt, e.g. `en`, `zh`.
    source : "ask" or "file"
        How the battle came about.
    asked : str
        What the person typed, where the prompt is a recorded question near to it.
    origin, origin_id : str
        The file (name and hash) and the battle's id in it.
    drawn : Draw or None
        How it was chosen from the file; None where nobody chose it.
    paired : Pairing or None
        How the two styles were drawn; None where there was nothing to draw.
    own_prompt : str
        What the person told both models besides their styles' system prompts.
    """

    id: str
    session: str
    prompt: Sequence[str]
    a: Side
    b: Side
    verdict: Sequence[float] | None
    judge: str = ""
    lang: str = ""
    source: Literal["ask", "file"] = "ask"
    asked: str = ""
    origin: str = ""
    origin_id: str = ""
    drawn: Draw | None = None
    paired: Pairing | None = None
    own_prompt: str = ""

    def row(self, created_at: datetime) -> dict[str, Any]:
        """Return the battle as a row of `BATTLES`.

        Texts are JSON in ASCII: lone surrogates and NUL, which no database takes, come back as they were.
        """
        p_a, p_b, p_tie = (None, None, None) if self.verdict is None else (float(p) for p in self.verdict)
        return {
            "id": self.id,
            "created_at": created_at,
            "session": self.session,
            "source": self.source,
            "lang": self.lang,
            "prompt": json.dumps(list(self.prompt)),
            "response_a": json.dumps(list(self.a.response)),
            "response_b": json.dumps(list(self.b.response)),
            "style_a": storable(self.a.style),
            "style_b": storable(self.b.style),
            "model_a": storable(self.a.model),
            "model_b": storable(self.b.model),
            "settings_a": json.dumps(self.a.settings, sort_keys=True),
            "settings_b": json.dumps(self.b.settings, sort_keys=True),
            "fault_a": self.a.fault,
            "fault_b": self.b.fault,
            "p_a": p_a,
            "p_b": p_b,
            "p_tie": p_tie,
            "judge": storable(self.judge),
            "asked": storable(self.asked),
            "origin": storable(self.origin),
            "origin_id": storable(self.origin_id),
            "named": sides_named(self.a.response, self.b.response, self.a.model, self.b.model),
            "shown_step": None if self.drawn is None else self.drawn.step,
            "shown_of": None if self.drawn is None else self.drawn.of,
            "shown_chance": None if self.drawn is None else self.drawn.chance,
            "pair_of": None if self.paired is None else self.paired.of,
            "pair_chance": None if self.paired is None else self.paired.chance,
            "own_prompt": storable(self.own_prompt),
        }


@dataclass(frozen=True)
class Voted:
    """A vote that is stored, and until when it can be withdrawn (UTC)."""

    battle_id: str
    choice: Choice
    voted_at: datetime
    undo_until: datetime


def new_battle_id() -> str:
    """Return an id that nobody can guess."""
    return secrets.token_hex(16)


def file_battle_id(origin: str, origin_id: str, session: str) -> str:
    """Return the id of a session's battle from a file: the same whenever the file is opened again."""
    return hashlib.sha256(json.dumps([origin, origin_id, session]).encode()).hexdigest()[:32]


def new_session() -> str:
    """Return a random pseudonym for a person without an account."""
    return secrets.token_hex(8)


def pseudonym(user: str, secret: bytes) -> str:
    """Return the pseudonym of a person with an account; without the secret it cannot be traced back to the name."""
    return hmac.new(secret, user.encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()[:16]


def reasons_text(choice: Choice, named: Iterable[object]) -> str:
    """Return the reasons of a vote as they are stored, in the order of `REASONS`; what is none of its is left out."""
    given = list(named)
    return " ".join(reason for reason in REASONS[choice] if reason in given)


def remark_text(remark: str) -> str:
    """Return a reason in a person's own words as it is stored: on one line, cut at `LONGEST_REMARK` characters."""
    return storable(" ".join(remark[: 4 * LONGEST_REMARK].split())[:LONGEST_REMARK])


def own_prompt_text(own: str) -> str:
    """Return a system prompt of one's own as it is used and stored, cut at `LONGEST_OWN_PROMPT` characters."""
    return storable(own[:LONGEST_OWN_PROMPT].strip())


def storable(text: str) -> str:
    """Replace what a database text cannot hold: NUL and lone surrogates."""
    return text.replace("\0", "\ufffd").encode("utf-8", "replace").decode("utf-8")
