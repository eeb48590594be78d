"""What all parts of the page are: a script in `scripts/` with the words and states that Python gives it."""

from pathlib import Path
from typing import Any

from panel.custom import JSComponent

SCRIPTS = Path(__file__).parent / "scripts"


class Part(JSComponent):
    """As wide as there is room for."""

    __abstract = True

    def __init__(self, **params: Any) -> None:
        super().__init__(**{"sizing_mode": "stretch_width", "margin": 0, **params})
