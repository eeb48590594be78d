"""The dashboard's section of params.yaml."""

import re
from collections.abc import Mapping
from os import environ
from typing import Any, Literal
from urllib.parse import urlsplit

from pydantic import ConfigDict, Field, ValidationError, field_validator, model_validator

from pipelines.errors import UserError
from pipelines.section import Section

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")


class StyleParams(Section):
    """How the answers of one style are made.

    Attributes
    ----------
    name : str
        What the page calls the style once the vote is cast, e.g. `brief`.
    generator : str
        `recorded` (built in), `openai` (any server that speaks OpenAI's protocol) or `local` (a model folder).
    base_url : str
        For `openai`: the server's address up to and with `/v1`.
    api_key_env : str
        For `openai`: the name of the environment variable that holds the key; the key itself is stored nowhere.
    model : str
        For `openai`: the model's name on the server; for `local`: a folder with a causal language model.
    system_prompt : str
        What the model is told before the question: this is what makes the style.
    temperature : float
        0 always takes the likeliest word.
    max_tokens : int
        Longest answer, in tokens of the model.
    stall_seconds : float
        An answer with no new token for this long has stalled; the first token is waited for as long.
    total_seconds : float
        Longest time one answer may take.
    """

    model_config = ConfigDict(hide_input_in_errors=True)

    name: str = Field(min_length=1, max_length=60)
    generator: Literal["recorded", "openai", "local"] = "recorded"
    base_url: str = ""
    api_key_env: str = ""
    model: str = ""
    system_prompt: str = ""
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=1_000, ge=1, le=100_000)
    stall_seconds: float = Field(default=60.0, gt=0)
    total_seconds: float = Field(default=600.0, gt=0)

    @field_validator("api_key_env")
    @classmethod
    def _names_a_variable(cls, value: str) -> str:
        if value and not _VARIABLE.fullmatch(value):
            raise ValueError(
                "must be the name of an environment variable such as OPENAI_API_KEY, not the key itself; "
                "set the variable and write its name here"
            )
        return value

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        if not value:
            return value
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise ValueError("must begin with http:// or https:// and name a server, e.g. http://127.0.0.1:11434/v1")
        if parts.username or parts.password:
            raise ValueError("must not contain a user name or password; put the key into a variable (api_key_env)")
        return value.rstrip("/")

    @model_validator(mode="after")
    def _has_what_it_needs(self) -> "StyleParams":
        if self.generator == "openai" and not (self.base_url and self.model):
            raise ValueError("generator openai needs base_url (http://…/v1) and model (its name on that server)")
        if self.generator == "local" and not self.model:
            raise ValueError("generator local needs model: the folder of a causal language model")
        return self

    def settings(self) -> dict[str, Any]:
        """Return what is stored with each answer: the generator and its settings, no name of a key."""
        if self.generator == "recorded":
            return {"generator": "recorded"}
        return self.model_dump(exclude={"name", "api_key_env"}, exclude_defaults=False)


class StylesParams(Section):
    """The two styles that are compared.

    Attributes
    ----------
    a, b : StyleParams
        Style A and style B; which of them stands left is drawn anew for every question.
    """

    a: StyleParams = StyleParams(
        name="brief",
        system_prompt="Answer as briefly as you can without leaving out what matters. No lists.",
    )
    b: StyleParams = StyleParams(
        name="thorough",
        system_prompt="Answer thoroughly: give reasons and examples, and use headings and lists where they help.",
    )

    @model_validator(mode="after")
    def _answer_the_same_question(self) -> "StylesParams":
        if (self.a.generator == "recorded") != (self.b.generator == "recorded"):
            raise ValueError(
                "one style is recorded and the other is not: a recorded answer is to another question than the one "
                "asked, so set generator for both styles or for neither"
            )
        if self.a.name == self.b.name:
            raise ValueError(f"both styles are named {self.a.name!r}: give each its own name")
        return self


class StoreParams(Section):
    """Where votes are kept.

    Attributes
    ----------
    url : str
        An SQLAlchemy address: `sqlite:///votes.sqlite` or `postgresql://user@host/database`.
    password_env : str
        Name of the environment variable with the database password, so that it stands in no file.
    undo_seconds : float
        How long a vote can be withdrawn.
    """

    url: str = "sqlite:///votes.sqlite"
    password_env: str = ""
    undo_seconds: float = Field(default=10.0, ge=0, le=300)

    @property
    def password(self) -> str:
        """The database password, "" where none is named or the variable is not set."""
        return environ.get(self.password_env, "") if self.password_env else ""


class LimitParams(Section):
    """What one session, and the server as a whole, may ask for.

    Attributes
    ----------
    question_characters : int
        Longest question.
    questions_per_minute, questions_per_hour, votes_per_minute : int
        Per session, counted over the last minute or hour.
    answers_at_once : int
        Answers being written at the same time, over all sessions; further questions wait their turn.
    answer_characters : int
        An answer is ended here, whatever the server says.
    file_megabytes : int
        Largest file of battles that can be loaded.
    """

    question_characters: int = Field(default=8_000, ge=1)
    questions_per_minute: int = Field(default=6, ge=1)
    questions_per_hour: int = Field(default=120, ge=1)
    votes_per_minute: int = Field(default=60, ge=1)
    answers_at_once: int = Field(default=40, ge=2)
    answer_characters: int = Field(default=100_000, ge=1_000)
    file_megabytes: int = Field(default=200, ge=1)


class ServerParams(Section):
    """Who can reach the page.

    Attributes
    ----------
    address : str
        Where to listen; `127.0.0.1` is this computer only, `0.0.0.0` every network it is on.
    port : int
        TCP port; 0 takes a free one.
    origins : tuple of str
        Further `host:port` under which browsers may open the page, e.g. behind a proxy.
    accounts : str
        A JSON file `{"user": "password"}`; empty for no passwords.
    oauth_provider : str
        One of Panel's providers (`github`, `google`, `azure`, …); empty for none.
    oauth_key_env, oauth_secret_env, cookie_secret_env : str
        Names of environment variables with the OAuth client's key and secret and with the secret that signs cookies.
    secret_file : str
        Where the secret that signs cookies is kept if no variable holds it; made when first needed.
    """

    address: str = "127.0.0.1"
    port: int = Field(default=5006, ge=0, le=65_535)
    origins: tuple[str, ...] = ()
    accounts: str = ""
    oauth_provider: str = ""
    oauth_key_env: str = ""
    oauth_secret_env: str = ""
    cookie_secret_env: str = ""
    secret_file: str = "votes.secret"

    @model_validator(mode="after")
    def _one_way_in(self) -> "ServerParams":
        if self.accounts and self.oauth_provider:
            raise ValueError("accounts and oauth_provider are both set: take one of them")
        if self.oauth_provider and not (self.oauth_key_env and self.oauth_secret_env):
            raise ValueError("oauth_provider needs oauth_key_env and oauth_secret_env, the names of two variables")
        return self


class DashboardParams(Section):
    """Everything the dashboard can be told.

    Attributes
    ----------
    language : str
        `auto` follows the browser; `en` and `zh-Hant` fix it.
    judges : str
        Folder below which saved judges are looked for.
    starter : bool
        Whether the judge that comes with the install is offered too, and used where none is saved.
    files : str
        Folder whose battle files people may open and vote on; empty for none.
    find_ollama : bool
        Whether a local Ollama is looked for and offered.
    leave_out_named : bool
        Whether votes on answers that named their own model ("I am Claude") are left out of ranking and exports, as
        Chatbot Arena does; they are stored and counted all the same.
    """

    language: Literal["auto", "en", "zh-Hant"] = "auto"
    judges: str = "runs"
    starter: bool = True
    files: str = ""
    find_ollama: bool = True
    leave_out_named: bool = True
    styles: StylesParams = StylesParams()
    store: StoreParams = StoreParams()
    limits: LimitParams = LimitParams()
    server: ServerParams = ServerParams()


def parse_dashboard(content: Mapping[str, Any], origin: str = "params.yaml") -> DashboardParams:
    """Check the `dashboard` section and return it typed.

    Parameters
    ----------
    content : mapping
        The section as YAML gave it.
    origin : str
        The file's name for the error.

    Raises
    ------
    UserError
        When a key or value is not allowed; the sentence names the key, and never repeats what might be a secret.
    """
    try:
        return DashboardParams.model_validate(content)
    except ValidationError as fault:
        first = fault.errors(include_url=False)[0]
        key = ".".join(["dashboard", *(str(part) for part in first["loc"])])
        if first["type"] == "extra_forbidden":
            raise UserError(f"{origin}: the key {key} is unknown; remove it or correct its name.") from None
        wish = first["msg"].removeprefix("Value error, ")
        found = "" if re.search("key|secret|password|url", key) else f" is {first['input']!r:.80};"
        raise UserError(f"{origin}: {key}{found} {wish[:1].lower()}{wish[1:]}.") from None
