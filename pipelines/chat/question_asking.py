"""Many questions to one language model: in parallel, each kept when it comes, none asked twice, within a budget."""

import time
from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from threading import Event
from typing import Any

from pipelines.chat.chat_client import ServerFault
from pipelines.chat.chat_models import ChatModel, Messages
from pipelines.chat.chat_params import ChatParams
from pipelines.chat.chat_reply import ChatReply
from pipelines.chat.reply_store import ReplyStore, question_key
from pipelines.errors import UserError
from pipelines.terminal.command_line import Progress, silent

CHARACTERS_A_TOKEN = 3.5
"""Of English text, about; the server counts for itself, and what it counted is what is told afterwards."""
FOR_GOOD = {"key_refused", "no_model", "no_key", "no_package", "moved"}
"""Faults that no later try gets over."""
OF_ONE = {400, 413, 422}
"""Status of a request that is refused for what it holds: others may be answered."""
MOST_REFUSED = 20
"""Refused questions after which a server that has answered none is not asked on: it is not for what they hold."""
LONGEST_WAIT_S = 60.0


@dataclass(frozen=True)
class Question:
    """A question, its name in the store, and whether probabilities of tokens are wanted."""

    key: bytes
    messages: Messages
    tops: bool

    @property
    def tokens(self) -> int:
        """About how many tokens it has."""
        return int(sum(len(message["content"]) for message in self.messages) / CHARACTERS_A_TOKEN) + 8


def question(model: ChatModel, params: ChatParams, messages: Messages, tops: bool) -> Question:
    """Return a question to a model."""
    options = {"temperature": params.temperature, "max_tokens": params.max_tokens, "tops": tops}
    return Question(question_key(model.identity, messages, options), messages, tops)


@dataclass
class Spent:
    """What was asked and what it took, in this process.

    Attributes
    ----------
    calls, tokens_in, tokens_out : int
        Replies, and the tokens of them and of their questions, as the server counts them or else about.
    refused : int
        Questions that the server would not answer for what they hold.
    stopped : str
        The limit that ended the asking; "" where none did.
    """

    calls: int = 0
    tokens_in: int = 0
    tokens_out: int = 0
    refused: int = 0
    first_refusal: str = ""
    stopped: str = ""
    _waiting: dict[bytes, int] = field(default_factory=dict)

    def cost(self, params: ChatParams) -> float:
        """Return what the tokens cost."""
        return (self.tokens_in * params.price_in + self.tokens_out * params.price_out) / 1e6

    def allows(self, asked: Question, params: ChatParams) -> bool:
        """Tell whether one more question keeps within the limits, however long its reply; the reason is kept if not."""
        under_way = len(self._waiting)
        tokens_in = self.tokens_in + sum(self._waiting.values()) + asked.tokens
        tokens_out = self.tokens_out + (under_way + 1) * params.max_tokens
        cost = (tokens_in * params.price_in + tokens_out * params.price_out) / 1e6
        for name, value in (
            ("most_calls", self.calls + under_way + 1),
            ("most_tokens", tokens_in + tokens_out),
            ("most_cost", cost),
        ):
            most = getattr(params, name)
            if most and value > most:
                self.stopped = f"{name} {most:g}"
                return False
        self._waiting[asked.key] = asked.tokens
        return True

    def ended(self, asked: Question, reply: ChatReply | None) -> None:
        """Count a question that is no longer under way."""
        self._waiting.pop(asked.key, None)
        if reply is not None:
            self.calls += 1
            self.tokens_in += reply.tokens_in or asked.tokens
            self.tokens_out += reply.tokens_out or int(len(reply.text) / CHARACTERS_A_TOKEN) + 1


def planned(name: str, params: ChatParams, tokens: Mapping[bytes, int], kept: Collection[bytes]) -> str:
    """Return a sentence on what asking will take.

    Parameters
    ----------
    tokens : mapping of bytes to int
        About how many tokens each question has.
    kept : collection of bytes
        The questions whose replies are kept.
    """
    left = [count for key, count in tokens.items() if key not in kept]
    written = len(left) * params.max_tokens
    told = f"{name}: {len(tokens):,} questions to {params.model}, {len(tokens) - len(left):,} of them answered before; "
    told += f"{len(left):,} calls, about {sum(left):,} tokens in and at most {written:,} out"
    if params.price_in or params.price_out:
        cost = (sum(left) * params.price_in + written * params.price_out) / 1e6
        told += f", at most about {_money(cost)} at the prices given"
    return told + "."


def told_spent(name: str, params: ChatParams, spent: Spent) -> str:
    """Return a sentence on what asking took."""
    told = f"{name}: {spent.calls:,} calls, {spent.tokens_in:,} tokens in and {spent.tokens_out:,} out"
    if params.price_in or params.price_out:
        told += f", {_money(spent.cost(params))} at the prices given"
    if spent.refused:
        told += f"; {spent.refused:,} questions were refused (the first: {spent.first_refusal})"
    if spent.stopped:
        told += f"; stopped by {spent.stopped}: what was answered is kept, a higher limit goes on from there"
    return told + "."


def _money(cost: float) -> str:
    """Return a cost with two decimals, a small one with two figures: a cheap model is not free."""
    return f"{cost:,.2f}" if cost >= 0.1 or not cost else f"{cost:.2g}"


def ask_all(
    model: ChatModel,
    params: ChatParams,
    questions: Sequence[Question],
    store: ReplyStore,
    spent: Spent,
    progress: Progress = silent,
    stage: str = "questions",
    pause: Callable[[float], Any] = time.sleep,
) -> dict[bytes, ChatReply]:
    """Return the replies to questions by their keys: those that are kept, and those of the others as far as allowed.

    Every reply is on disk before it counts. Where the server fails for good, or one question fails after all its
    tries, what is under way is waited for and kept.

    Parameters
    ----------
    spent : Spent
        Counts on; the limits of `params` hold for all that it counts.
    pause : callable
        Waits so many seconds before another try.

    Returns
    -------
    dict
        Without the questions that a limit left out and those that the server refused for what they hold.

    Raises
    ------
    UserError
        When the server or the model fails; the sentence says where the replies are kept.
    """
    wanted = {each.key: each for each in questions}
    found = store.get(wanted)
    waiting = [each for key, each in wanted.items() if key not in found]
    done, total = len(found), len(wanted)
    progress(stage, done, total)
    failed: Exception | None = None
    running: dict[Future[ChatReply], Question] = {}
    stop = Event()
    if not waiting:
        return found
    with ThreadPoolExecutor(max(min(model.parallel, len(waiting)), 1), thread_name_prefix="asking") as pool:
        waiting.reverse()
        while True:
            while waiting and failed is None and not spent.stopped and len(running) < model.parallel:
                if spent.allows(waiting[-1], params):
                    each = waiting.pop()
                    running[pool.submit(_tried, model, each, params.retries, pause, stop)] = each
            if not running:
                break
            for ended in wait(running, return_when=FIRST_COMPLETED).done:
                each = running.pop(ended)
                fault = ended.exception()
                if fault is None:
                    reply = ended.result()
                    store.put(each.key, reply)
                    found[each.key] = reply
                    spent.ended(each, reply)
                else:
                    spent.ended(each, None)
                    if isinstance(fault, ServerFault) and fault.details.get("status") in OF_ONE:
                        spent.refused += 1
                        spent.first_refusal = spent.first_refusal or str(fault).rstrip(".")
                        if spent.refused >= MOST_REFUSED and not found and not spent.calls:
                            failed = failed or fault
                            stop.set()
                    elif isinstance(fault, Exception):
                        failed = failed or fault
                        stop.set()
                    else:
                        raise fault
                done += 1
                progress(stage, min(done, total), total)
    if failed is not None:
        if not isinstance(failed, ServerFault | UserError | MemoryError | RuntimeError):
            raise failed
        said = str(failed).strip().partition("\n")[0] or type(failed).__name__
        raise UserError(
            f"{params.model}: {said.rstrip('.')}; {len(found):,} of {total:,} replies are kept in {store.path}, and "
            "the same command goes on from there."
        ) from failed
    return found


def _tried(model: ChatModel, asked: Question, retries: int, pause: Callable[[float], Any], stop: Event) -> ChatReply:
    for attempt in range(retries + 1):
        try:
            return model.ask(asked.messages, asked.tops)
        except ServerFault as fault:
            if fault.code in FOR_GOOD or fault.details.get("status") in OF_ONE or attempt == retries or stop.is_set():
                raise
            pause(min(max(fault.wait, 2.0**attempt / 2), LONGEST_WAIT_S))
    raise AssertionError("unreachable")
