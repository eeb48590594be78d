"""YAML as a person writes it: plain values, each key once in its section, and bounded in what it unfolds to."""

from typing import Any

import yaml

from pipelines.errors import shown

DEEPEST = 50
"""Levels of lists and sections inside one another; a file that goes deeper is a mistake."""
LONGEST = 300_000
"""Characters of a text: its parser reads about 100,000 in a second. params.yaml has 13,000."""
MOST_VALUES = 100_000
"""Values that a text may unfold to: ten lines of aliases (`*name`) can name more than any memory holds."""


class RefusedYamlError(yaml.YAMLError):
    """A text that is YAML, and yet not taken: `what` is wrong with it, and `line` where, from 1; 0 where unknown."""

    def __init__(self, what: str, line: int = 0) -> None:
        self.what, self.line = what, line
        super().__init__(what)


class _Loader(yaml.SafeLoader):
    """PyYAML takes the last of two keys that are alike, so that what stands under the first is lost unsaid."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        own = [key for key, _ in node.value if key.tag != "tag:yaml.org,2002:merge"] if _is_mapping(node) else []
        met: set[tuple[str, str]] = set()
        for key in own:
            if isinstance(key, yaml.ScalarNode) and (key.tag, key.value) in met:
                raise RefusedYamlError(f"the key {shown(key.value)} stands there twice; leave one", _line(key))
            met.add((key.tag, str(key.value)))
        return super().construct_mapping(node, deep)


def _is_mapping(node: Any) -> bool:
    return isinstance(node, yaml.MappingNode)


def _line(node: Any) -> int:
    return int(node.start_mark.line) + 1


def plain_yaml(text: str) -> Any:
    """Return what a text of YAML says.

    Raises
    ------
    yaml.YAMLError
        When it is no YAML. A `RefusedYamlError` where it is longer than `LONGEST`, a key stands in a section twice, it
        is nested beyond `DEEPEST` levels or holds itself, or unfolds to more than `MOST_VALUES` values.
    """
    if len(text) > LONGEST:
        raise RefusedYamlError(f"has {len(text):,} characters, and {LONGEST:,} are the most; take a part out")
    try:
        content = yaml.load(text, Loader=_Loader)  # noqa: S506  (a kind of SafeLoader)
        _values_of(content, [], {})
    except (RecursionError, ValueError, OverflowError) as fault:  # a nest too deep for the parser; the date 2020-13-45
        raise yaml.YAMLError(str(fault)) from fault
    return content


def yaml_fault(fault: yaml.YAMLError, where: str) -> str:
    """Return the sentence on what `plain_yaml` raised, `where` being the file or option that it was given."""
    if isinstance(fault, RefusedYamlError):
        return f"{where}{f', line {fault.line}' if fault.line else ''}: {fault.what}."
    if isinstance(fault, yaml.reader.ReaderError) and isinstance(fault.character, int):
        return f"{where}: holds the sign U+{fault.character:04X}, which no YAML may hold; take it out."
    mark = getattr(fault, "problem_mark", None)
    place = f", line {mark.line + 1}" if mark else ""
    return f"{where}{place}: is not valid YAML; fix the indentation or the quotes there."


def _values_of(content: Any, above: list[int], known: dict[int, int]) -> int:
    """Return how many values something unfolds to; what stands at several places is looked at once."""
    inside = content.values() if isinstance(content, dict) else content if isinstance(content, list | set) else ()
    if id(content) in above or len(above) > DEEPEST:
        raise RefusedYamlError(f"has more than {DEEPEST} levels of sections and lists inside one another; flatten it")
    if not inside:
        return 1
    if id(content) not in known:
        above.append(id(content))
        known[id(content)] = 1 + sum(_values_of(each, above, known) for each in inside)
        above.pop()
    if known[id(content)] > MOST_VALUES:
        raise RefusedYamlError(f"unfolds to more than {MOST_VALUES:,} values; write it without so many aliases")
    return known[id(content)]
