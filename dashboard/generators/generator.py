"""The interface of a generator, the one fault it can end in, and the guard that every answer streams through.

A kind of generator is a class; what it is, it says itself:

    class Echo(Generator):
        kind = "echo"                                       # the style's `generator` in params.yaml
        Style = EchoStyle                                   # the keys it needs, a StyleParams that checks them
        faults = {"deaf": "Nobody listens at {url}; ..."}   # what else can go wrong, one English sentence a code

        async def stream(self, question, style, before): ...  # the answer in pieces

Adding one is its file, a line in `dashboard/generators/__init__.py`, and its words in
`dashboard/texts/<language>/ask.yaml` (`fault.<code>`, and `source_<kind>` where it does not answer by a model's name).
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, Field, field_validator

from pipelines.chat.server_address import base_address
from pipelines.settings import Section, Variable

DAY_S = 24 * 3600.0
FAULTS = {
    "stalled": "No word for {seconds} seconds: the server is overloaded or hangs; try again.",
    "too_slow": "The answer was not finished after {seconds} seconds; try again, or set a smaller max_tokens.",
    "empty": "The model ended without writing anything; try again.",
    "cut_off": "The answer was cut off at {tokens} tokens; max_tokens in params.yaml sets the limit.",
    "endless": "The answer was ended at {characters} characters, far beyond max_tokens.",
}
"""One English sentence per code, those of the kinds too; the page's texts hold one per code and language, with the same
fields."""
USABLE = frozenset({"cut_off", "endless"})
"""Faults that leave an answer worth a vote."""


class GenerationFault(Exception):  # noqa: N818 - the project's word for what goes wrong outside it
    """An answer that did not come to its end.

    Attributes
    ----------
    code : str
        A key of `FAULTS`.
    details : dict
        Fields of the sentence.
    partial : str
        What had been written until then.
    """

    def __init__(self, code: str, partial: str = "", **details: Any) -> None:
        super().__init__(FAULTS[code].format(**details))
        self.code = code
        self.details = details
        self.partial = partial

    @property
    def usable(self) -> bool:
        """Whether the partial text is an answer that can be voted on."""
        return self.code in USABLE and bool(self.partial.strip())


class StyleParams(Section):
    """How the answers of one style are made; a kind of generator may ask for more, see `Generator.Style`.

    Attributes
    ----------
    name : str
        What the page calls the style once the vote is cast, e.g. `brief`.
    generator : str
        `recorded` (built in), `openai` (any server that speaks OpenAI's protocol), `local` (a model folder) or `small`
        (the small model that `python -m pipelines.models fetch smollm2` gets).
    base_url : str
        For `openai`: the server's address up to and with `/v1`.
    api_key_env : str
        For `openai`: the name of the environment variable that holds the key; the key itself is stored nowhere.
    model : str
        For `openai`: the model's name on the server; for `local` and `small`: a folder with a causal language model.
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
    generator: str = "recorded"
    base_url: str = ""
    api_key_env: Variable = ""
    model: str = ""
    system_prompt: str = ""
    temperature: float = Field(default=0.7, ge=0, le=2)
    max_tokens: int = Field(default=1_000, ge=1, le=100_000)
    stall_seconds: float = Field(default=60.0, gt=0, le=DAY_S)
    total_seconds: float = Field(default=600.0, gt=0, le=DAY_S)

    @field_validator("name")
    @classmethod
    def _can_be_seen(cls, value: str) -> str:
        if not value.strip():
            raise ValueError("must hold more than spaces")
        return value

    @field_validator("base_url")
    @classmethod
    def _is_an_address(cls, value: str) -> str:
        return base_address(value)

    def settings(self) -> dict[str, Any]:
        """Return what is stored with each answer: the generator and its settings, no name of a key."""
        return self.model_dump(exclude={"name", "api_key_env"}, exclude_defaults=False)


@dataclass(frozen=True)
class Notice:
    """Something to tell about an answer before it streams.

    Attributes
    ----------
    code : str
        The key of the page's text, `ask.<code>`.
    details : dict
        Its fields.
    question, lang : str
        What the answers answer in place of the question that was asked, and its language; "" where they answer that.
    answered : bool
        Whether there will be answers at all: a generator that cannot answer this question says so before, and nothing
        is written or stored.
    """

    code: str
    details: dict[str, Any] = field(default_factory=dict)
    question: str = ""
    lang: str = ""
    answered: bool = True


@dataclass(frozen=True)
class Description:
    """Who answers: the model's name as stored with the vote, and the generator's settings."""

    model: str
    settings: dict[str, Any]


@dataclass(frozen=True)
class Source:
    """A model that was found by itself and can answer in place of recorded answers.

    Attributes
    ----------
    name, label : str
        What it is called, also to people.
    styled : function
        Returns a style answered by it; name, prompt and lengths stay.
    record : dict
        What is remembered of it beside its name, so that it can be made again.
    """

    name: str
    label: str
    styled: Callable[[StyleParams], StyleParams]
    record: dict[str, str] = field(default_factory=dict)


class Generator(ABC):
    """Writes answers. One object of each kind serves the whole process; see the module's text.

    Parameters
    ----------
    key : "a" or "b"
        Which of the two styles it answers in.

    Attributes
    ----------
    kind : str
        What params.yaml calls it.
    Style : type of StyleParams
        Checks a style's keys, and says by its defaults how long an answer is waited for.
    recorded : bool
        Whether its answers are to a recorded question instead of the one asked; then both styles are, and models that
        are found are offered in its place.
    source : str
        The key of the page's text that says where its answers come from; "" says the model's name.
    at_once : int
        How many answers it writes well at a time, over all people; 0 for as many as `limits.answers_at_once` says.
    faults : dict
        Further sentences for `FAULTS`.
    """

    kind: ClassVar[str]
    Style: ClassVar[type[StyleParams]] = StyleParams
    recorded: ClassVar[bool] = False
    source: ClassVar[str] = ""
    at_once: ClassVar[int] = 0
    faults: ClassVar[dict[str, str]] = {}

    def __init_subclass__(cls) -> None:
        FAULTS.update(cls.faults)

    def __init__(self, key: Literal["a", "b"] = "a") -> None:
        self.key = key

    def describe(self, style: StyleParams) -> Description:
        """Return who answers in this style."""
        return Description(style.model, style.settings())

    def notice(self, question: str) -> Notice | None:
        """Return what the reader must know before the answer comes, or None where it is what it seems to be."""
        return None

    @classmethod
    def forgets(cls, before: Sequence[tuple[str, str]]) -> int:
        """Return how many of the earliest turns of a conversation it leaves out."""
        return 0

    @abstractmethod
    def stream(self, question: str, style: StyleParams, before: Sequence[tuple[str, str]] = ()) -> AsyncIterator[str]:
        """Yield the answer in pieces; "" says that the model works without having a word ready.

        Parameters
        ----------
        question : str
            What is answered.
        style : StyleParams
            How; its system prompt holds for the whole conversation.
        before : sequence of (str, str)
            The earlier turns, question and answer each; `dashboard.generators.conversation.chat_messages` makes a chat
            of all of it. None for recorded answers, which take no further question.

        Raises
        ------
        GenerationFault
            Where the answer does not come to its end. Use `guarded` to have its `partial` filled.
        """

    @classmethod
    def warmups(cls) -> tuple[Callable[[], object], ...]:
        """Return what the first answer would else wait for, in pieces; for a thread."""
        return ()

    @classmethod
    async def find(cls) -> list[Source]:
        """Return the models that can answer without being named in params.yaml."""
        return []

    def close(self) -> None:  # noqa: B027 - most have nothing to end
        """End what is being written, as the process is to end."""


async def guarded(pieces: AsyncIterator[str], style: StyleParams, longest: int = 100_000) -> AsyncIterator[str]:
    """Pass the pieces of an answer on, and turn silence, slowness, emptiness and endlessness into a fault.

    Parameters
    ----------
    pieces : async iterator of str
        What a generator's `stream` returned.
    style : StyleParams
        Its `stall_seconds` and `total_seconds` hold.
    longest : int
        Characters after which the answer is ended.

    Raises
    ------
    GenerationFault
        With everything that was passed on in `partial`.
    """
    written: list[str] = []
    length = 0
    loop = asyncio.get_running_loop()
    end = loop.time() + style.total_seconds
    iterator = aiter(pieces)
    try:
        while True:
            left = end - loop.time()
            try:
                async with asyncio.timeout(max(0.0, min(style.stall_seconds, left))):
                    piece = await anext(iterator)
            except TimeoutError:
                late = loop.time() >= end
                seconds = f"{style.total_seconds if late else style.stall_seconds:g}"
                raise GenerationFault("too_slow" if late else "stalled", seconds=seconds) from None
            except StopAsyncIteration:
                break
            if not piece:
                continue
            piece = piece[: longest - length]
            written.append(piece)
            length += len(piece)
            yield piece
            if length >= longest:
                raise GenerationFault("endless", characters=longest)
        if not "".join(written).strip():
            raise GenerationFault("empty")
    except GenerationFault as fault:
        fault.partial = "".join(written)
        raise
    finally:
        close = getattr(iterator, "aclose", None)
        if close is not None:
            await close()
