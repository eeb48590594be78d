"""Token ids of texts: by an encoder's own tokenizer, or without transformers by the one saved with a converted copy."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Protocol

from features.encoder.engines.engine import Ids
from pipelines.battles.texts import storable
from pipelines.errors import UserError
from pipelines.files.saved_files import DamagedError, read_bytes

SAVED, TYPE = "tokenizer.json", "second_type.txt"
MOST_TOKENIZER = 64 << 20
"""Bytes of it; the largest vocabularies take 35 MB."""


_PAIR = ("x", "y")


class Tokens(Protocol):
    """Turns texts into token ids; `frame` is what stands before and after one text."""

    frame: tuple[Ids, Ids]

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """Return each text's token ids, none of them special: the name of a special token, in a text, is text."""

    def pair_frame(self) -> tuple[Ids, Ids, Ids, int]:
        """Return what stands before, between and after two texts of one sequence, and the type id of the second."""

    def save(self, folder: Path) -> None:
        """Write what `SavedTokens` reads into a folder; nothing where that cannot be had."""


class OwnTokens:
    """The ids of a tokenizer of transformers."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        self.frame = _frame(tokenizer("x", add_special_tokens=False)["input_ids"], list(tokenizer("x")["input_ids"]))

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """As in `Tokens`."""
        found: list[Ids] = self.tokenizer(
            list(map(storable, texts)),
            add_special_tokens=False,
            split_special_tokens=True,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )["input_ids"]
        return found

    def pair_frame(self) -> tuple[Ids, Ids, Ids, int]:
        """As in `Tokens`."""
        one, two = (self.tokenizer(text, add_special_tokens=False)["input_ids"] for text in _PAIR)
        both = self.tokenizer(*_PAIR)
        return _pair_frame(one, two, list(both["input_ids"]), both.get("token_type_ids"))

    def save(self, folder: Path) -> None:
        """As in `Tokens`; a tokenizer written in Python has no other form."""
        backend = getattr(self.tokenizer, "backend_tokenizer", None)
        if backend is not None:
            backend.save(str(folder / SAVED))
            # The tokenizer's settings may leave types out, of which its file knows nothing.
            (folder / TYPE).write_text(str(self.pair_frame()[3]), encoding="ascii")


class SavedTokens:
    """The same ids by the library tokenizers alone: transformers would load torch, which takes seconds.

    Parameters
    ----------
    folder : Path
        Holds tokenizer.json.
    vocabulary : int or None
        Tokens that the model knows; None where it does not matter.

    Raises
    ------
    UserError
        When the file cannot be read, or names other tokens.
    """

    def __init__(self, folder: Path, vocabulary: int | None = None) -> None:
        from tokenizers import Tokenizer

        self.path = folder / SAVED
        data = read_bytes(self.path, MOST_TOKENIZER)
        try:
            self.tokenizer = Tokenizer.from_buffer(data)
        except Exception as fault:  # the library raises nothing narrower
            raise UserError(
                f"{self.path}: cannot be read ({fault}); delete its folder or make the judge again."
            ) from fault
        self.tokenizer.no_truncation()
        self.tokenizer.no_padding()
        self.frame = _frame(self.tokenizer.encode("x", add_special_tokens=False).ids, self.tokenizer.encode("x").ids)
        one, two = (self.tokenizer.encode(text, add_special_tokens=False).ids for text in _PAIR)
        both = self.tokenizer.encode(*_PAIR)
        self._pair = _pair_frame(one, two, both.ids, both.type_ids)
        if (folder / TYPE).is_file():
            kept = (folder / TYPE).read_text(encoding="ascii", errors="replace").strip()
            self._pair = (*self._pair[:3], int(kept == "1"))
        self.tokenizer.encode_special_tokens = True
        # What runs a model may take ids on trust, and read anything behind its table.
        highest = max(*self.tokenizer.get_vocab().values(), *self.frame[0], *self.frame[1], 0)
        if vocabulary is not None and highest >= vocabulary:
            raise DamagedError(self.path, f"names tokens beyond the {vocabulary:,} of the model")

    def ids(self, texts: Sequence[str]) -> list[Ids]:
        """As in `Tokens`."""
        found = self.tokenizer.encode_batch_fast(list(map(storable, texts)), add_special_tokens=False)
        return [list(each.ids) for each in found]

    def pair_frame(self) -> tuple[Ids, Ids, Ids, int]:
        """As in `Tokens`."""
        return self._pair

    def save(self, folder: Path) -> None:
        """As in `Tokens`."""
        for path in (self.path, self.path.with_name(TYPE)):
            if path.is_file():
                shutil.copyfile(path, folder / path.name)


def open_tokens(folders: Sequence[Path], load: Callable[[], Any], vocabulary: int) -> Tokens:
    """Return the tokens saved in the first folder that has some, or else those of the tokenizer that `load` gives."""
    for folder in folders:
        if (folder / SAVED).is_file():
            return SavedTokens(folder, vocabulary)
    return OwnTokens(load())


def head_and_tail(ids: Ids, budget: int, head_share: float, gap: Sequence[int] = ()) -> tuple[Ids, int]:
    """Keep the head and the tail of a text.

    Parameters
    ----------
    budget : int
        Tokens there may be afterwards, the mark of the gap included.
    head_share : float
        Share of the kept tokens that is taken from the head.
    gap : sequence of int
        Tokens that mark the gap; left out where the budget is too small to show text on both its sides.

    Returns
    -------
    list of int, int
        At most `budget` tokens, and how many of the text's own tokens were cut.
    """
    if len(ids) <= budget:
        return ids, 0
    mark = gap if budget >= len(gap) + 2 else ()
    room = max(budget - len(mark), 0)
    head = min(round(room * head_share), room)
    if mark:
        head = min(max(head, 1), room - 1)
    return [*ids[:head], *mark, *ids[len(ids) - (room - head) :]], len(ids) - room


def _frame(plain: Ids, framed: Ids) -> tuple[Ids, Ids]:
    """Return the ids that stand before and after a text's own."""
    for start in range(len(framed) - len(plain) + 1):
        if framed[start : start + len(plain)] == plain:
            return framed[:start], framed[start + len(plain) :]
    return [], []


def _pair_frame(one: Ids, two: Ids, both: Ids, types: Sequence[int] | None) -> tuple[Ids, Ids, Ids, int]:
    start = _find(both, one, 0)
    middle = start + len(one)
    second = _find(both, two, middle)
    return both[:start], both[middle:second], both[second + len(two) :], int(types[second]) if types else 0


def _find(ids: Ids, part: Ids, start: int) -> int:
    for place in range(start, len(ids) - len(part) + 1):
        if ids[place : place + len(part)] == part:
            return place
    return start
