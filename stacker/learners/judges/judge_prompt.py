"""What a language model is asked about a battle, and what its reply says: probabilities of A, B and tie."""

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from string import Formatter
from typing import Any

import yaml

from pipelines.battles.texts import storable
from pipelines.chat.chat_models import Messages
from pipelines.chat.chat_reply import ChatReply
from pipelines.errors import UserError, shown
from pipelines.files.plain_yaml import plain_yaml, yaml_fault
from stacker.evaluate.verdicts.verdict_columns import winner_of

BUILT_IN = Path(__file__).with_name("judge_prompt.yaml")
TEXTS = ("prompt", "response_a", "response_b")
FIELDS = (*TEXTS, "question")
HEAD = 0.6
"""Share of what is kept of a long text that is its beginning."""
WRITTEN = 0.9
"""Probability of what a verdict without probabilities names; how far it is to be believed is learnt from votes."""
LEAST_LOG = -12.0
_LABELS = {"a": 0, "b": 1, "c": 2, "tie": 2}
_AROUND = " \t\r\n*[]().\"'\u0120\u2581"
_THOUGHT = re.compile(r"<think>.*?(</think>|\Z)", re.DOTALL)
_LETTER = re.compile(r"(?<![A-Za-z'])(A|B|C|tie|Tie|TIE)(?![A-Za-z'])")
_NAMED = re.compile(
    r"(?i:response|answer|assistant|option|choice|verdict|winner)[\s:*\"'\[(]*(?:A|B|C|(?i:tie))\b"
    r"|\b(?:A|B|C|(?i:tie))(?=\W*\Z)"
)
"""A letter that stands for an answer: "A" is a word, too."""
LONGEST_LINE = 80
MOST_BYTES = 200_000


@dataclass(frozen=True)
class JudgePrompt:
    """A template and its general question.

    Attributes
    ----------
    system, user : str
        Templates; `user` has the fields `TEXTS`, and `question` where more than the general question is asked.
    """

    system: str
    user: str
    question: str

    def messages(
        self, prompt: Sequence[str], first: Sequence[str], second: Sequence[str], question: str, budget: tuple[int, int]
    ) -> Messages:
        """Return what is asked, with texts cut to `budget` characters of the prompt and of each response."""
        texts = zip(TEXTS, (prompt, first, second), (budget[0], budget[1], budget[1]), strict=True)
        values = {name: cut(told(turns), most) for name, turns, most in texts}
        content = Formatter().vformat(self.user, (), {**values, "question": question})
        system = [{"role": "system", "content": self.system}] if self.system else []
        return [*system, {"role": "user", "content": storable(content)}]


def read_prompt(path: Path | None = None, principles: bool = False) -> JudgePrompt:
    """Read a prompt: YAML with `user` and, where wanted, `system` and `question`, or a text that is the template.

    Parameters
    ----------
    path : Path or None
        None is the built-in one.
    principles : bool
        Whether more than one question is asked by it, so that it must have a place for them.

    Raises
    ------
    UserError
        When it cannot be read, is missing a field, or has one that is unknown.
    """
    path = path or BUILT_IN
    try:
        if path.stat().st_size > MOST_BYTES:
            raise UserError(f"{path}: has more than {MOST_BYTES:,} bytes; name a file that holds a prompt.")
        text = path.read_text(encoding="utf-8")
        held: Any = plain_yaml(text) if path.suffix.lower() in (".yaml", ".yml") else {"user": text}
    except OSError as fault:
        raise UserError(f"{path}: cannot be read ({fault.strerror}); name a file that holds a prompt.") from fault
    except UnicodeDecodeError as fault:
        raise UserError(f"{path}: is not UTF-8 text; save it as UTF-8.") from fault
    except yaml.YAMLError as fault:
        raise UserError(yaml_fault(fault, str(path))) from fault
    if not isinstance(held, Mapping) or not all(isinstance(value, str) for value in held.values()):
        raise UserError(f"{path}: holds no texts by name; write `user: |` and the template under it.")
    unknown = sorted(set(map(str, held)) - {"system", "user", "question"})
    if unknown or "user" not in held:
        found = f"has the key {shown(unknown[0])}" if unknown else "has no key user"
        raise UserError(f"{path}: {found}; the keys are user, system and question.")
    _check_fields(path, held["user"], principles)
    question = str(held.get("question", read_prompt().question if path != BUILT_IN else "")).strip()
    return JudgePrompt(str(held.get("system", "")).strip(), held["user"].strip(), question)


def _check_fields(path: Path, template: str, principles: bool) -> None:
    try:
        parts = [part[1:] for part in Formatter().parse(template) if part[1] is not None]
    except ValueError as fault:
        raise UserError(f"{path}: has a brace that is not closed; write {{{{ and }}}} for braces as such.") from fault
    names = {str(name) for name, _, _ in parts}
    odd = sorted(names - set(FIELDS)) or [str(name) for name, spec, turned in parts if spec or turned]
    if odd:
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise UserError(
            f"{path}: has the field {{{shown(odd[0])}}}, which is unknown; the fields are {known}, and {{{{ and }}}} "
            "stand for braces."
        )
    missing = [name for name in (*TEXTS, *(("question",) if principles else ())) if name not in names]
    if missing:
        raise UserError(f"{path}: has no {{{missing[0]}}}; put it where that text is to stand.")


def cut(text: str, most: int) -> str:
    """Return a text of at most about `most` characters, of a longer one its head and its tail."""
    if len(text) <= most:
        return text
    head = int(HEAD * most)
    left_out = f"\n[... {len(text) - most:,} characters are left out here ...]\n"
    return text[:head] + left_out + text[len(text) - (most - head) :]


def told(turns: Sequence[str]) -> str:
    """Return the turns of one side as one text, numbered where there are several."""
    if len(turns) == 1:
        return turns[0]
    return "\n\n".join(f"({number}) {turn}" for number, turn in enumerate(turns, 1))


def said_of(reply: ChatReply) -> tuple[float, float] | None:
    """Return the margin log p(A) / p(B) and the tie log-odds that a reply says, as it saw the sides; None for neither.

    By the probabilities of A, B and C where the reply names one of them and they are there; else by the verdict that
    it writes.
    """
    for top in reply.tops:
        best = max(top, key=lambda token: top[token], default="")
        sums = [0.0, 0.0, 0.0]
        for token, log in top.items():
            place = _label(token)
            if place is not None:
                sums[place] += math.exp(min(log, 0.0))
        if sums[0] + sums[1] > 0.01 or _label(best) is not None:
            least = math.exp(max(min(top.values()), LEAST_LOG))
            a, b, tie = (math.log(max(total, min(least, 1e-3))) for total in sums)
            return a - b, tie - (a + b) / 2
    winner = written_winner(reply.text)
    if winner is None:
        return None
    logs = [math.log(WRITTEN if place == winner else (1 - WRITTEN) / 2) for place in range(3)]
    return logs[0] - logs[1], logs[2] - (logs[0] + logs[1]) / 2


def _label(token: str) -> int | None:
    """Return the outcome that a token names; some servers send the marks that tokenizers write for a space."""
    return _LABELS.get(token.strip(_AROUND).lower())


def written_winner(text: str) -> int | None:
    """Return the outcome that a written judgement names, 0, 1 or 2; None where it names none or several."""
    text = _THOUGHT.sub("", text).strip()
    lines = [line for line in text.splitlines() if line.strip()]
    for part in (text, *(lines[-1:] + lines[:1])):
        try:
            found = winner_of(part, {})
        except UserError:  # a number, which may be a grade
            found = None
        if found is not None:
            return found
    if not lines or len(lines[-1]) > LONGEST_LINE:
        return None
    letters = {_LABELS[each.lower()] for each in _LETTER.findall(lines[-1])}
    return letters.pop() if len(letters) == 1 and _NAMED.search(lines[-1]) else None
