"""A process that runs blocks for another one: requests on standard input, numbers on standard output.

Started by `features.parallel`. Not made with multiprocessing: its `fork` is unsafe beside torch's threads, its `spawn`
runs the caller's script again, and its children outlive a killed parent. This one ends when its input ends.

A request is eight bytes of length and UTF-8 JSON `[block, [text, ...], ...]` with one or two lists of texts; an answer
is eight bytes of length and the float32 rows.
"""

import json
import os
import signal
import sys
from collections.abc import Sequence
from typing import BinaryIO

from features.registry import answer_blocks, text_blocks


def send(stream: BinaryIO, data: bytes) -> None:
    """Write one message."""
    stream.write(len(data).to_bytes(8, "little"))
    stream.write(data)
    stream.flush()


def receive(stream: BinaryIO) -> bytes | None:
    """Read one message, None where the stream has ended."""
    head = stream.read(8)
    if len(head) < 8:
        return None
    length = int.from_bytes(head, "little")
    data = stream.read(length)
    return data if len(data) == length else None


def request(block: str, texts: Sequence[Sequence[str]]) -> bytes:
    """Return the message that asks for a block's numbers; JSON's escapes carry lone surrogates too."""
    return json.dumps([block, *(list(column) for column in texts)]).encode("ascii")


def serve(requests: BinaryIO, answers: BinaryIO) -> None:
    """Answer requests until there are no more."""
    alone, paired = text_blocks(), answer_blocks()
    while (message := receive(requests)) is not None:
        name, *texts = json.loads(message)
        rows = alone[name].compute(texts[0]) if name in alone else paired[name].compute(texts[0], texts[1])
        send(answers, rows.tobytes())


def main() -> None:
    """Serve on the standard streams; whatever a library prints goes to standard error."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the parent, interrupted, closes our input
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    try:
        serve(sys.stdin.buffer, answers)
    except BrokenPipeError:
        os._exit(0)


if __name__ == "__main__":
    main()
