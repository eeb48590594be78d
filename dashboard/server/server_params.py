"""The sections `server` and `accounts` of the dashboard: where it listens, who may come in, and what they may do."""

from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from dashboard.server.addresses import network_of
from dashboard.server.origins import host_of, origin_of
from pipelines.settings import OneOrMore, OptionalPathText, PathText, Section, Variable


def _network(value: str) -> str:
    return str(network_of(value))


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
    trusted_proxies: Annotated[tuple[Annotated[str, AfterValidator(_network)], ...], OneOrMore] = ()
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
        the judge, start and stop the learning, and export everybody's votes.
    """

    admins: Annotated[tuple[Annotated[str, Field(min_length=1)], ...], OneOrMore] = ()
