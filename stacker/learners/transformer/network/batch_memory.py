"""How much work fits into memory: token budgets from what is free, halved where that was too much."""

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from pipelines.errors import UserError
from pipelines.terminal.machine import free_memory

Result = TypeVar("Result")

LEAST_TOKENS = 256
"""Below this many tokens a batch is not made smaller but the fault reported."""
MOST_TOKENS_CPU = 4096
"""On a CPU larger batches only spill its caches: the built-in encoder was fastest between 2k and 8k tokens."""
MOST_TOKENS_GPU = 1 << 17


def free_bytes(device: Any) -> int:
    """Return the bytes that are free on a torch device."""
    if device.type == "cuda":
        import torch

        return int(torch.cuda.mem_get_info(device)[0])
    return free_memory()


def bytes_per_token(config: Any, layers: int, longest: int, training: bool) -> int:
    """Return an upper estimate of the activations that one token takes, in float32.

    Parameters
    ----------
    config
        A transformers configuration.
    layers : int
        Layers whose activations are kept for the backward pass; without training those of one layer are.
    longest : int
        Tokens of the longest sequence: each token has a row of attention for each head.
    """
    inner = int(getattr(config, "intermediate_size", None) or 4 * config.hidden_size)
    # Per layer: input, query, key, value, context, two sums and two norms, the inner layer before and after its
    # activation, and three copies of the attention rows (scores, softmax, dropout).
    one = 4 * (10 * int(config.hidden_size) + 3 * inner + 3 * int(config.num_attention_heads) * longest)
    return one * (max(layers, 1) if training else 2)


class TokenBudget:
    """Padded tokens that one pass may hold; halves when the memory was too small."""

    def __init__(self, tokens: int) -> None:
        self.tokens = max(int(tokens), LEAST_TOKENS)
        self.halvings = 0

    @classmethod
    def from_memory(
        cls, config: Any, device: Any, share: float, layers: int, longest: int, training: bool
    ) -> "TokenBudget":
        """Return the budget that uses at most `share` of the free memory."""
        most = MOST_TOKENS_GPU if device.type == "cuda" else MOST_TOKENS_CPU
        room = int(share * free_bytes(device) / bytes_per_token(config, layers, longest, training))
        return cls(min(room, most))

    @classmethod
    def one_by_one(cls) -> "TokenBudget":
        """Return the budget by which every sequence is a batch of its own."""
        found = cls(LEAST_TOKENS)
        found.tokens = 1
        return found

    def halve(self, name: str) -> None:
        """Halve the budget. Raises a `UserError` where it is at its least already."""
        if self.tokens <= LEAST_TOKENS:
            raise UserError(
                f"transformer {name}: the memory does not hold {self.tokens} tokens; lower answer_tokens, switch on "
                f"gradient_checkpointing, or take a smaller model."
            )
        self.tokens = max(self.tokens // 2, LEAST_TOKENS)
        self.halvings += 1


def with_halving(
    budget: TokenBudget, name: str, work: Callable[[int], Result], undo: Callable[[], None] = lambda: None
) -> Result:
    """Run `work(tokens)`; out of memory, undo what it left, halve the budget and run it again.

    Parameters
    ----------
    budget : TokenBudget
        Halved in place, so that the next piece of work starts with what fitted.
    name : str
        The model's name for the error.
    work : callable
        Does the whole piece of work in passes of at most `tokens`.
    undo : callable
        Called before each new try.
    """
    import torch

    while True:
        try:
            return work(budget.tokens)
        except RuntimeError as fault:  # of a GPU, or of the CPU
            if not isinstance(fault, torch.OutOfMemoryError) and "can't allocate memory" not in str(fault):
                raise
        # Outside the handler: the fault's traceback holds the tensors of the failed pass.
        undo()
        torch.cuda.empty_cache()  # does nothing where CUDA was not used
        budget.halve(name)


def length_batches(lengths: Sequence[int], tokens: int, waste: float = 0.15, least: int = 8) -> list[list[int]]:
    """Put sequences of like length together, at most `tokens` padded tokens a batch.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each sequence.
    tokens : int
        Padded tokens a batch may hold; a longer sequence gets a batch of its own.
    waste : float
        Share of padding above which a batch of at least `least` sequences is closed.
    least : int
        Sequences a batch has before padding closes it.

    Returns
    -------
    list of lists of int
        Places of the sequences, each once, the longest first: memory that is too small is noticed at once.
    """
    found: list[list[int]] = []
    batch: list[int] = []
    own = 0
    for place in sorted(range(len(lengths)), key=lambda place: (-lengths[place], place)):
        longest = lengths[batch[0]] if batch else lengths[place]
        padded = longest * (len(batch) + 1)
        loose = len(batch) >= least and padded - own - lengths[place] > waste * padded
        if batch and (padded > tokens or loose):
            found.append(batch)
            batch, own = [], 0
        batch.append(place)
        own += lengths[place]
    if batch:
        found.append(batch)
    return found
