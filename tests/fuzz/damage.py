"""What happens to files on their way: cut, flipped, spliced, converted, filled with what no writer writes."""

import copy
import json
import re
import struct

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st

SLOWLY = settings(
    deadline=None,
    database=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
)
"""For examples that take a process, and minutes as a whole."""
TOKENS = [
    b"", b"0", b"-1", b"nan", b"inf", b"-inf", b"1e999", b"-0.0", b"2147483647", b"2147483648", b"-2147483649",
    b"9223372036854775807", b"9" * 400, b"1e-400", b"null", b"true", b'"', b'""', b'"""', b"\\", b"\\u", b"[", b"]",
    b"{", b"}", b",", b",,", b":", b"=", b" ", b"\t", b"\n", b"\r", b"\r\n", b"\x00", b"\x0b", b"\x1a", b"\xff",
    b"\xc3", b"\xed\xa0\x80", b"\xef\xbb\xbf", b"\xff\xfe", b"PAR1", b"PK\x03\x04", b"[" * 3000, b"[[]," * 500,
    b'{"a":' * 1500, b"x" * 5000, b'"' * 999, b",\"" * 700, b"7" * 5000,
]  # fmt: skip
ODD = [
    None, True, False, -1, 0, 1, 2, 3, 7, 10**9, 2**31, 2**63, 2**70, 1e308, -1e308, 1e-320, 0.5, "", "x", "nan", "inf",
    "1e999", "../..", "/etc/passwd", "a" * 3000, "\x00", "\ud800", [], {}, [[]], [1], ["x"] * 50, {"a": 1}, [None],
    -7.5,
]  # fmt: skip


@st.composite
def damaged(draw, data, most=4):
    """Damage bytes in up to `most` ways."""
    for _ in range(draw(st.integers(1, most))):
        data = _once(draw, data)
    return data


def _once(draw, data):
    kind = draw(
        st.sampled_from(["cut", "flip", "flip", "drop", "repeat", "move", "token", "token", "number", "convert"])
    )
    place = draw(st.integers(0, len(data)))
    width = draw(st.sampled_from([1, 2, 7, 30, 200, 2000]))
    if kind == "cut":
        return data[:place]
    if kind == "flip":
        return (
            data[:place]
            + bytes(byte ^ draw(st.integers(1, 255)) for byte in data[place : place + 1])
            + data[place + 1 :]
        )
    if kind == "drop":
        return data[:place] + data[place + width :]
    if kind == "repeat":
        return data[:place] + data[place : place + width] * draw(st.sampled_from([2, 5, 50])) + data[place + width :]
    if kind == "move":
        other = draw(st.integers(0, len(data)))
        return data[:place] + data[other : other + width] + data[place:]
    if kind == "token":
        return data[:place] + draw(st.sampled_from(TOKENS)) + data[place + draw(st.sampled_from([0, 0, 1, 5])) :]
    if kind == "number":
        found = list(re.finditer(rb"-?[0-9][0-9.]*(?:e[+-]?[0-9]+)?", data[place : place + 4000]))
        if not found:
            return data
        chosen = draw(st.sampled_from(found))
        return data[: place + chosen.start()] + draw(st.sampled_from(TOKENS)) + data[place + chosen.end() :]
    return draw(st.sampled_from(CONVERSIONS))(data)


CONVERSIONS = [
    lambda data: data.replace(b"\n", b"\r\n"),
    lambda data: data.replace(b"\n", b"\r"),
    lambda data: data.replace(b'"', b""),
    lambda data: data.replace(b'""', b'"'),
    lambda data: data.replace(b'"', b"'"),
    lambda data: data.replace(b"\n", b""),
    lambda data: data.replace(b",", b";"),
    lambda data: b"\xef\xbb\xbf" + data,
    lambda data: data.decode("utf-8", "replace").encode("utf-16"),
    lambda data: data.decode("utf-8", "replace").encode("utf-16-le"),
    lambda data: data.decode("utf-8", "replace").encode("latin-1", "replace"),
    lambda data: data.decode("latin-1").encode("utf-8"),
    lambda data: data[::-1],
    lambda data: data + data,
    lambda data: b"",
]


@st.composite
def changed_json(draw, found):
    """Change one place of a JSON value: to something odd, to another of its places, or take it away."""
    found = json.loads(json.dumps(found))
    for _ in range(draw(st.integers(1, 2))):
        inside, key = _place(draw, found)
        if inside is None:
            return draw(st.sampled_from(ODD))
        kind = draw(st.sampled_from(["odd", "odd", "odd", "drop", "double", "swap"]))
        if kind == "odd":
            inside[key] = copy.deepcopy(draw(st.sampled_from(ODD)))  # it may be changed itself
        elif kind == "drop":
            del inside[key]
        elif kind == "double" and isinstance(inside, list):
            inside.insert(key, inside[key])
        elif isinstance(inside, list):
            other = draw(st.integers(0, len(inside) - 1))
            inside[key], inside[other] = inside[other], inside[key]
        else:
            inside[draw(st.sampled_from(["mood", *inside]))] = inside[key]
    return found


def _place(draw, found):
    """Walk down to a place at random; None where there is none."""
    inside, key = None, None
    while isinstance(found, dict | list) and found and (inside is None or draw(st.integers(0, 3))):
        inside = found
        keys = list(found) if isinstance(found, dict) else range(len(found))
        key = draw(st.sampled_from(list(keys)[:200]))
        found = found[key]
    return inside, key


@st.composite
def changed_trees(draw, text):
    """Change one number of LightGBM's text, in the trees as a rule, and write the sizes of the trees anew."""
    from saved_text import with_sizes

    lines = text.split(b"\n")
    for _ in range(draw(st.integers(1, 3))):
        number = draw(st.integers(0, len(lines) - 1))
        key, equals, values = lines[number].partition(b"=")
        tokens = values.split(b" ")
        place = draw(st.integers(0, len(tokens) - 1))
        tokens[place] = draw(st.sampled_from([*TOKENS[:12], *(b"%d" % n for n in range(-9, 10)), *tokens]))
        if draw(st.integers(0, 9)) == 0:
            tokens = tokens[:place]
        lines[number] = key + equals + b" ".join(tokens)
    changed = b"\n".join(lines)
    return with_sizes(changed) if draw(st.booleans()) else changed


@st.composite
def changed_numbers(draw, data):
    """Overwrite aligned numbers of binary data: what a child index, a weight or a length may become."""
    form = draw(st.sampled_from([">i", "<i", ">f", "<f", "<d", ">q", "<q", "B"]))
    size = struct.calcsize(form)
    for _ in range(draw(st.integers(1, 3))):
        place = draw(st.integers(0, max(len(data) - size, 0)))
        if form[-1] in "fd":
            value = draw(st.sampled_from([0.0, -0.0, 1e38, -1e38, 1e-40, float("nan"), float("inf"), 0.5, -3.0]))
        else:
            small = draw(st.sampled_from([*range(-3, 12), 127, 255, 542, 2**16, 2**31 - 1, -(2**31), 2**63 - 1]))
            value = small % 256 if form == "B" else max(min(small, 2 ** (8 * size - 1) - 1), -(2 ** (8 * size - 1)))
        data = data[:place] + struct.pack(form, value) + data[place + size :]
    return data
