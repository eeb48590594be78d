import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from stacker.evaluate.charts import (
    Axis,
    Dot,
    Row,
    Series,
    bars,
    confusion_table,
    fitting,
    interval_rows,
    plane,
    shares,
)

HOSTILE = "<img src=x onerror=alert(1)>\u202e"


@settings(deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=8), st.integers(2, 9))
def test_an_axis_holds_its_values_between_few_round_ticks(values: list[float], most: int) -> None:
    axis = fitting(values, most=most)
    slack = 1e-6 * (axis.high - axis.low)
    assert axis.low <= min(values) + slack and max(values) <= axis.high + slack
    assert 2 <= len(axis.ticks) <= most + 2
    assert all(0 <= axis.place(value) <= 100 for value, _ in axis.ticks)


def test_ticks_are_round() -> None:
    assert [label for _, label in fitting([-0.7, 0.93]).ticks] == ["−1.0", "−0.5", "0.0", "0.5", "1.0"]
    assert [label for _, label in shares(0.31, 0.78).ticks] == ["30 %", "40 %", "50 %", "60 %", "70 %", "80 %"]
    assert (shares(0, 1).low, shares(0, 1).high) == (0.0, 1.0)
    assert len({label for _, label in fitting([3.0, 3.0]).ticks}) > 1
    assert fitting([]).low == 0.0


def test_rows_place_their_marks() -> None:
    axis = Axis(0.0, 2.0, ((0.0, "0"), (2.0, "2")))
    html = interval_rows([Row("x", 1.0, 0.5, 1.5, "10 votes", second=(2.0, 1.9, 2.0))], axis, "strength", reference=0.5)
    assert 'class="range first" style="left:25.00%;width:50.00%"' in html
    assert 'class="dot first" style="left:50.00%"' in html
    assert 'class="dot second" style="left:100.00%"' in html
    assert 'class="reference" style="left:25.00%"' in html
    assert "width:100.00%" in bars([Row("x", 4.0), Row("y", 1.0)], "b") and "width:25.00%" in bars(
        [Row("x", 4.0), Row("y", 1.0)], "b"
    )
    assert "role" in bars([], "none")


def test_the_line_stands_where_the_numbers_are() -> None:
    x, y = Axis(0, 10, ((0, "0"),)), Axis(0, 1, ((1, "1"),))
    dot = Dot(5, 0.5, 0.25, 0.75, "half")
    html = plane([Series("s", "first", [(0, 0), (10, 1)], [(0, 0, 0.5), (10, 0.5, 1)], [dot])], x, y, "a chart")
    assert 'points="0.000,100.000 100.000,0.000"' in html
    assert 'points="0.000,50.000 100.000,0.000 100.000,50.000 0.000,100.000"' in html
    assert "left:50.00%;bottom:25.00%;height:50.00%" in html


def test_a_confusion_table_says_shares_of_its_rows() -> None:
    assert "<b>2.5</b>" in confusion_table(np.array([[2.5, 0.5], [0, 1]]), "AB", "ab", "voted", "called")
    html = confusion_table(np.array([[3, 1, 0], [0, 0, 0], [0, 0, 5]]), "ABT", "abt", "voted", "called")
    assert re.findall(r"<b>(\d+)</b><small>(\d+) %", html)[:3] == [("3", "75"), ("1", "25"), ("0", "0")]
    assert html.count('class="same"') == 3


@pytest.mark.parametrize(
    "html",
    [
        interval_rows([Row(HOSTILE, 0.5, note=HOSTILE)], shares(), HOSTILE),
        bars([Row(HOSTILE, 0.5, note=HOSTILE)], HOSTILE),
        confusion_table(np.zeros((1, 1), dtype=int), [HOSTILE], [HOSTILE], HOSTILE, HOSTILE),
        plane([Series(HOSTILE, "first", dots=[Dot(0, 0, 0, 0, HOSTILE)])], shares(), shares(), HOSTILE, HOSTILE),
    ],
)
def test_names_are_text(html: str) -> None:
    assert "<img" not in html
