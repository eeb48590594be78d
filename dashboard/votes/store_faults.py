"""What the vote store refuses, each with a code for the page's texts."""

from typing import Any

from pipelines.errors import UserError


class StoreFault(UserError):  # noqa: N818 - the project's word for what goes wrong outside it
    """A vote or battle that was not stored, with a code for the page's texts.

    Attributes
    ----------
    code : str
        `already_voted`, `unknown_battle`, `other_session`, `too_late`, `nothing_to_undo`, `same_battle`,
        `unavailable`, `bad_address`.
    details : dict
        Fields of the sentence.
    """

    def __init__(self, code: str, sentence: str, **details: Any) -> None:
        super().__init__(sentence)
        self.code = code
        self.details = details


class AlreadyVoted(StoreFault):
    """The battle has a vote that holds; `details` has its `choice` and `voted_at`."""
