"""How a conversation is cut to a budget of tokens: the last turns first, of a long turn its head and its tail."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

Ids = list[int]


@dataclass
class CutCount:
    """What cutting has cost so far.

    Attributes
    ----------
    texts, cut_texts : int
        Texts seen, and those that lost a token.
    tokens, cut_tokens : int
        Tokens of all texts before cutting, and those that were cut away.
    """

    texts: int = 0
    cut_texts: int = 0
    tokens: int = 0
    cut_tokens: int = 0

    def add(self, before: int, cut: int) -> None:
        """Count one text of `before` tokens that lost `cut` of them."""
        self.texts += 1
        self.cut_texts += cut > 0
        self.tokens += before
        self.cut_tokens += cut


def share_read(count: Mapping[str, int]) -> float:
    """Return the share of tokens that were not cut, by a `CutCount` as JSON values; 1 where there were none."""
    return 1 - count["cut_tokens"] / max(count["tokens"], 1)


@dataclass
class CutCounts:
    """`CutCount` of prompts and of answers."""

    prompt: CutCount = field(default_factory=CutCount)
    answer: CutCount = field(default_factory=CutCount)

    def described(self) -> dict[str, dict[str, int]]:
        """Return the counts as JSON values."""
        return {"prompt": dict(vars(self.prompt)), "answer": dict(vars(self.answer))}


def head_and_tail(ids: Ids, budget: int, head_share: float, gap: Ids) -> tuple[Ids, int]:
    """Keep the head and the tail of a text.

    Parameters
    ----------
    ids : list of int
        Tokens of the text.
    budget : int
        Tokens there may be afterwards, the mark of the gap included.
    head_share : float
        Share of the kept tokens that is taken from the head.
    gap : list of int
        Tokens that mark the gap; left out where the budget is too small to show text on both its sides.

    Returns
    -------
    list of int, int
        At most `budget` tokens, and how many of the text's own tokens were cut.
    """
    if len(ids) <= budget:
        return list(ids), 0
    mark = list(gap) if budget >= len(gap) + 2 else []
    room = max(budget - len(mark), 0)
    head = min(round(room * head_share), room)
    if mark:
        head = min(max(head, 1), room - 1)
    tail = room - head
    return [*ids[:head], *mark, *(ids[len(ids) - tail :] if tail else [])], len(ids) - room


def fit_turns(turns: Sequence[Ids], budget: int, head_share: float, gap: Ids, between: Ids) -> tuple[Ids, int]:
    """Fit the turns of a conversation into a budget, the last turn first.

    Each turn, from the last to the first, gets what the later ones left over; the first one that does not fit whole
    is cut to its head and tail, and nothing before it is kept.

    Parameters
    ----------
    turns : sequence of lists of int
        Tokens of each turn, in the order of the conversation.
    budget : int
        Tokens there may be afterwards, marks included.
    head_share, gap
        As in `head_and_tail`.
    between : list of int
        Tokens that part two turns.

    Returns
    -------
    list of int, int
        At most `budget` tokens in the order of the conversation, and how many of the turns' own tokens were cut.
    """
    kept: list[Ids] = []
    left = budget
    cut = 0
    full = False
    for turn in reversed(turns):
        if full:
            cut += len(turn)
            continue
        room = left - (len(between) if kept else 0)
        # A scrap of a few tokens says nothing; the last turn is shown whatever the room.
        if kept and room < min(len(turn), len(gap) + 2):
            full = True
            cut += len(turn)
            continue
        short, lost = head_and_tail(turn, max(room, 0), head_share, gap)
        cut += lost
        full = lost > 0
        left = room - len(short)
        kept.append(short)
    joined: Ids = []
    for place, turn in enumerate(reversed(kept)):
        if place:
            joined += between
        joined += turn
    return joined, cut
