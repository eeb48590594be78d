"""Verdicts that were given already, and those that are on their way: a battle that is asked again is not judged again.

A verdict is bitwise the same each time, so that remembering changes no number. Clients ask again when they retry, when
several show one battle, and when they rank a set of answers that has grown by one.
"""

import asyncio
import hashlib
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Sequence

import numpy as np

from pipelines.battles.arrays import Floats
from stacker.serve.judge_process import Battle

MOST = 20_000
"""Verdicts that are kept, those asked for last: about 6 MB."""
Judged = Callable[[Sequence[Battle]], Awaitable[Floats]]


class VerdictMemory:
    """Asks for what is not known; all of it on one event loop.

    Parameters
    ----------
    judged : callable
        Returns (n, 3) probabilities of battles.
    most : int
        Verdicts that are kept.
    """

    def __init__(self, judged: Judged, most: int = MOST) -> None:
        self._judged, self._most = judged, most
        self._known: OrderedDict[bytes, Floats] = OrderedDict()
        self._coming: dict[bytes, asyncio.Event] = {}

    async def compare(self, battles: Sequence[Battle]) -> Floats:
        """Return (n, 3) probabilities of A, B and tie; raises what `judged` raises."""
        keys = [_key(battle) for battle in battles]
        missing = dict(zip(keys, battles, strict=True))
        found: dict[bytes, Floats] = {}
        while missing:
            for key in missing.keys() & self._known.keys():
                self._known.move_to_end(key)
                found[key] = self._known[key]
                del missing[key]
            new = {key: battle for key, battle in missing.items() if key not in self._coming}
            if new:
                found |= await self._ask(new)
                missing = {key: battle for key, battle in missing.items() if key not in found}
            elif missing:
                # Where whoever asked for it got none, as its client has gone or another of its battles could not be
                # judged, it is asked for here.
                await self._coming[next(iter(missing))].wait()
        return np.array([found[key] for key in keys]).reshape(-1, 3)

    async def _ask(self, battles: dict[bytes, Battle]) -> dict[bytes, Floats]:
        ended = asyncio.Event()
        self._coming |= dict.fromkeys(battles, ended)
        try:
            verdicts = await self._judged(list(battles.values()))
        finally:
            ended.set()
            for key in battles:
                del self._coming[key]
        found = dict(zip(battles, verdicts, strict=True))
        self._known |= found
        while len(self._known) > self._most:
            self._known.popitem(last=False)
        return found


def _key(battle: Battle) -> bytes:
    """Return a hash of a battle's texts, turn by turn, and of the verdict that is asked for."""
    return hashlib.sha256(json.dumps(battle).encode("ascii")).digest()
