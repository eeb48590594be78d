"""Length and style of answers as they are held equal when models are ranked: Chatbot Arena's style control."""

from collections.abc import Sequence

import numpy as np

from pipelines.battles.arrays import Floats

CONTROLS = ("length", "headings", "list items", "bold", "code blocks")
"""What is held equal: the features of Chatbot Arena's style control, and code blocks."""
_SURFACE = ("words",)
_STYLE = ("headers", "unordered items", "ordered items", "bold spans", "code blocks")


def style_counts(texts: Sequence[str]) -> Floats:
    """Return (n, 5) numbers of n answers, in the order of `CONTROLS`; the length is counted in words."""
    from features.blocks.style.style import Style
    from features.blocks.surface import Surface

    if not texts:
        return np.zeros((0, len(CONTROLS)))
    words = Surface().compute(texts)[:, [Surface.columns.index(name) for name in _SURFACE]]
    marks = Style().compute(texts)[:, [Style.columns.index(name) for name in _STYLE]]
    headings, bullets, ordered, bold, code = marks.T.astype(np.float64)
    return np.column_stack([words.astype(np.float64), headings, bullets + ordered, bold, code])


def relative_differences(a: Floats, b: Floats) -> Floats:
    """Return (n, 5) differences of the two answers' `style_counts`: (A - B) / (A + B), 0 where both have none.

    This is the form that Chatbot Arena's style control uses: it does not depend on how long both answers are.
    """
    return np.divide(a - b, a + b, out=np.zeros_like(a), where=a + b > 0)


def scaled(controls: Floats) -> Floats:
    """Divide each of (n, k) controls by its root mean square; not centred, as a swap turns its sign."""
    size = np.sqrt(np.mean(controls**2, axis=0)) if len(controls) else np.zeros(controls.shape[1])
    return np.divide(controls, size, out=np.zeros_like(controls), where=size > 0)
