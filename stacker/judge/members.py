"""The learners that a judge is made of, each with its name in the results."""

from dataclasses import dataclass

from stacker.learners.learner_interface import Learner


@dataclass(frozen=True)
class Member:
    """One learner of a judge: its name in the results, its kind, and the learner itself."""

    name: str
    kind: str
    learner: Learner
