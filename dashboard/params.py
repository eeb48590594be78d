"""The dashboard's section of params.yaml."""

from collections.abc import Mapping, Sequence
from os import environ
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, ValidationError, model_validator

from dashboard.generators.generator import StyleParams as StyleParams
from dashboard.generators.styles import StylesParams as StylesParams
from dashboard.server.addresses import host_of, network_of, origin_of
from pipelines.errors import UserError
from pipelines.settings import OneOrMore, OptionalPathText, PathText, Section, Variable, fault_sentence
from stacker.training.params import key_names, read_params

Network = Annotated[str, AfterValidator(lambda value: str(network_of(value)))]


class ServerParams(Section):
    """Who can reach the page.

    Attributes
    ----------
    address : str
        Where to listen; `127.0.0.1` is this computer only, `0.0.0.0` every network it is on.
    port : int
        TCP port; 0 takes a free one.
    origins : tuple of str
        Further `host` or `host:port` under which browsers may open the page, e.g. behind a proxy.
    trusted_proxies : tuple of str
        Addresses or networks of proxies whose X-Forwarded-For is believed when limits are counted by address.
    accounts : str
        A JSON file `{"user": "password"}`; empty for no passwords.
    oauth_provider : str
        One of Panel's providers (`github`, `google`, `azure`, …); empty for none.
    oauth_key_env, oauth_secret_env, cookie_secret_env : str
        Names of environment variables with the OAuth client's key and secret and with the secret that signs cookies.
    secret_file : str
        Where the secret that signs cookies is kept if no variable holds it; made when first needed.
    """

    address: Annotated[str, AfterValidator(host_of)] = "127.0.0.1"
    port: int = Field(default=5006, ge=0, le=65_535)
    origins: Annotated[tuple[Annotated[str, AfterValidator(origin_of)], ...], OneOrMore] = ()
    trusted_proxies: Annotated[tuple[Network, ...], OneOrMore] = ()
    accounts: OptionalPathText = ""
    oauth_provider: str = ""
    oauth_key_env: Variable = ""
    oauth_secret_env: Variable = ""
    cookie_secret_env: Variable = ""
    secret_file: PathText = "votes.secret"

    @model_validator(mode="after")
    def _one_way_in(self) -> "ServerParams":
        if self.accounts and self.oauth_provider:
            raise ValueError("accounts and oauth_provider are both set: take one of them")
        if self.oauth_provider and not (self.oauth_key_env and self.oauth_secret_env):
            raise ValueError("oauth_provider needs oauth_key_env and oauth_secret_env, the names of two variables")
        return self


class AccountsParams(Section):
    """What people with an account may do.

    Attributes
    ----------
    admins : tuple of str
        User names, as `server.accounts` or the OAuth provider has them. Where people need an account, only these switch
        the judge, start and stop the learning, export everybody's votes, and see the page `admin`.
    log : str
        The file in which stands what they do: one line of JSON each, who, when and on what.
    """

    admins: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], OneOrMore] = ()
    log: PathText = "admins.jsonl"


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
    backups : str
        The folder into which the page `admin` puts copies of the store.
    """

    url: str = Field(default="sqlite:///votes.sqlite", min_length=1)
    password_env: Variable = ""
    undo_seconds: float = Field(default=10.0, ge=0, le=300)
    backups: PathText = "backups"

    @property
    def password(self) -> str:
        """The database password, "" where no variable is named. Raises a `UserError` where the named one is not set."""
        if self.password_env and self.password_env not in environ:
            raise UserError(
                f"dashboard.store.password_env: the variable {self.password_env} is not set; set it to the database's "
                "password, or leave the key empty."
            )
        return environ.get(self.password_env, "")


class LimitParams(Section):
    """What one person, and the server as a whole, may ask for.

    Attributes
    ----------
    question_characters : int
        Longest question.
    questions_per_minute, questions_per_hour, votes_per_minute : int
        Per person, counted over the last minute or hour.
    people_per_address : int
        Without accounts a person is a cookie, which anybody can drop; so all that come from one address together may
        ask for this many times as much as one.
    turns : int
        Questions of a conversation, the first one included; 1 takes no further ones.
    conversation_characters : int
        After so much on either side, questions and answers together, no further question is taken.
    answers_at_once : int
        Answers being written at the same time, over all sessions; further questions wait their turn.
    answer_characters : int
        An answer is ended here, whatever the server says.
    file_megabytes : int
        Largest file of battles that can be loaded.
    """

    question_characters: int = Field(default=8_000, ge=1, le=10_000_000)
    questions_per_minute: int = Field(default=6, ge=1, le=1_000_000)
    questions_per_hour: int = Field(default=120, ge=1, le=1_000_000)
    votes_per_minute: int = Field(default=60, ge=1, le=1_000_000)
    people_per_address: int = Field(default=5, ge=1, le=1_000)
    turns: int = Field(default=8, ge=1, le=100)
    conversation_characters: int = Field(default=50_000, ge=1, le=100_000_000)
    answers_at_once: int = Field(default=40, ge=2, le=10_000)
    answer_characters: int = Field(default=100_000, ge=1_000, le=100_000_000)
    file_megabytes: int = Field(default=200, ge=1, le=100_000)


RANDOM_SHARE = 0.25


class DashboardParams(Section):
    """Everything the dashboard can be told.

    Attributes
    ----------
    language : str
        `auto` follows the browser; `en` and `zh-Hant` fix it.
    judges : str
        Folder below which saved judges are looked for.
    judge : str
        The folder of the judge that is used from the start, or its name below `judges`. Empty takes the one last chosen
        on the page, or the newest one trained on real votes if that is newer still.
    starter : bool
        Whether the judge that comes with the install is offered too, and used where there is no other.
    files : str
        Folder whose battle files people may open and vote on; empty for none.
    find_ollama : bool
        Whether a local Ollama is looked for and offered.
    leave_out_named : bool
        Whether votes on answers that named their own model ("I am Claude") are left out of ranking and exports, as
        Chatbot Arena does; they are stored and counted all the same.
    random_share : float
        How many of the battles of a file that are shown are drawn at random, whatever the order: rates and ranking are
        weighed by the chance with which each was shown, and rest on these.
    share_leaderboard : bool
        Whether `/leaderboard`, the ranking as a page of its own, is shown to everybody who can reach the server, also
        where people need an account; where nobody does it is shown in any case.
    """

    language: Literal["auto", "en", "zh-Hant"] = "auto"
    judges: PathText = "runs"
    judge: OptionalPathText = ""
    starter: bool = True
    files: OptionalPathText = ""
    find_ollama: bool = True
    leave_out_named: bool = True
    random_share: float = Field(default=RANDOM_SHARE, ge=0.05, le=1)
    share_leaderboard: bool = False
    styles: StylesParams = StylesParams()
    store: StoreParams = StoreParams()
    limits: LimitParams = LimitParams()
    server: ServerParams = ServerParams()
    accounts: AccountsParams = AccountsParams()


def parse_dashboard(content: Mapping[str, Any], origin: str = "params.yaml") -> DashboardParams:
    """Check the `dashboard` section and return it typed.

    Raises
    ------
    UserError
        When a key or value is not allowed; the sentence names the key, and never repeats what might be a secret.
    """
    try:
        return DashboardParams.model_validate(content)
    except ValidationError as fault:
        names = [name for name, _ in key_names(DashboardParams, "dashboard.")]
        raise UserError(fault_sentence(fault, origin, names, "dashboard.")) from None


def read_dashboard(path: Path, overrides: Sequence[str] = ()) -> DashboardParams:
    """Return the dashboard's section of params.yaml; a `UserError` names the file, or the key that is wrong."""
    return parse_dashboard(read_params(path, overrides).dashboard, str(path))
