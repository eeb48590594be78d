"""What the tests of the features share."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def counted_calls(monkeypatch: pytest.MonkeyPatch) -> Callable[[object, str], list[tuple[Any, ...]]]:
    """Watch a method of an object: the arguments of each call are put into the list that is returned."""

    def watch(owner: object, name: str) -> list[tuple[Any, ...]]:
        original = getattr(owner, name)
        calls: list[tuple[Any, ...]] = []

        def called(*arguments: Any, **named: Any) -> Any:
            calls.append(arguments)
            return original(*arguments, **named)

        monkeypatch.setattr(owner, name, called)
        return calls

    return watch
