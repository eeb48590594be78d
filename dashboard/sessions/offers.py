"""Files that are offered to one person's browser, under an address that nobody can guess, while she is there."""

import secrets
from collections.abc import Callable, Generator, Mapping

Pieces = Callable[[], Generator[bytes]]


class Offers:
    """What can be fetched; one object serves all people of a process."""

    def __init__(self) -> None:
        self._offered: dict[str, Mapping[str, Pieces]] = {}

    def offer(self, files: Mapping[str, Pieces]) -> str:
        """Offer files and return their place: `download/<place>/<name>` is the address of each.

        Parameters
        ----------
        files : mapping
            By name, what begins to make a file; its pieces are asked for one at a time, and empty ones are passed over.
        """
        place = secrets.token_urlsafe(32)
        self._offered[place] = files
        return place

    def withdraw(self, place: str) -> None:
        """Offer them no longer, and give up those that are being fetched."""
        self._offered.pop(place, None)

    def find(self, place: str, name: str) -> Pieces | None:
        """Return what makes a file, or None where it is not offered."""
        return self._offered.get(place, {}).get(name)
