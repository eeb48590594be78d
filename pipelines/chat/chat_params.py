"""Settings of a language model that is asked: where it is, how it answers, what it costs and what it may cost."""

from typing import Literal

from pydantic import Field, field_validator, model_validator

from pipelines.chat.server_address import base_address
from pipelines.settings import Section, Variable

MOST_PARALLEL = 256


class ChatParams(Section):
    """A language model: one of a server that speaks OpenAI's protocol, or a causal model in a folder.

    Attributes
    ----------
    base_url : str
        The server's address up to and with `/v1`; "" for a folder.
    api_key_env : str
        Name of the environment variable that holds the key; the key itself is stored nowhere.
    model : str
        The model's name on the server, or its folder.
    temperature : float
        0 always takes the likeliest word.
    max_tokens : int
        Longest reply.
    seconds : float
        How long one reply is waited for.
    parallel : int
        Questions that a server has at a time.
    retries : int
        How often a question is asked again after the server was busy, broke off or fell silent.
    precision : str
        In how many bits a model in a folder computes; bf16 takes half the time and memory where the processor has it.
    price_in, price_out : float
        Price of a million tokens read and written, in whatever money.
    most_calls, most_tokens, most_cost : number
        Asking stops before any of these is passed in one run; 0 is no limit.
    """

    base_url: str = Field("", max_length=2000)
    api_key_env: Variable = ""
    model: str = Field(min_length=1, max_length=1000)
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(16, ge=1, le=100_000)
    seconds: float = Field(120.0, gt=0, le=86_400)
    parallel: int = Field(4, ge=1, le=MOST_PARALLEL)
    retries: int = Field(4, ge=0, le=100)
    precision: Literal["fp32", "bf16"] = "fp32"
    price_in: float = Field(0.0, ge=0, le=1e6)
    price_out: float = Field(0.0, ge=0, le=1e6)
    most_calls: int = Field(0, ge=0)
    most_tokens: int = Field(0, ge=0)
    most_cost: float = Field(0.0, ge=0, le=1e9)

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return base_address(value)

    @model_validator(mode="after")
    def _cost_has_a_price(self) -> "ChatParams":
        if self.most_cost and not (self.price_in or self.price_out):
            raise ValueError("most_cost needs price_in or price_out, the price of a million tokens")
        return self
