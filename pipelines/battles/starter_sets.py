"""What the starter judge is trained on: which sets, under which terms, and how their votes become battles."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.battles.arrays import FLIP
from pipelines.battles.table import COLUMNS, TEXT_COLUMNS, check
from pipelines.errors import UserError
from pipelines.formats.reading import read_battles

PRIOR = (0.349, 0.342, 0.309)
"""Shares of A, B and tie that the starter judge assumes of the questions it will meet: those that Kaggle publishes of
its 57,477 battles from the Chatbot Arena. No vote of these was seen."""


@dataclass(frozen=True)
class StarterSet:
    """A set of votes that the starter judge may learn from.

    Attributes
    ----------
    name : str
        Its file in the folder battles, without suffix.
    project, licence, what : str
        For the model card.
    """

    name: str
    project: str
    licence: str
    what: str


SETS = (
    StarterSet("tulu1_human", "allenai/open-instruct", "Apache-2.0", "human evaluation of Tulu models"),
    StarterSet("fastchat_arena2024", "lm-sys/FastChat", "Apache-2.0", "Chatbot Arena 2024, many refusals"),
    StarterSet("pandalm_test", "WeOpenML/PandaLM", "Apache-2.0", "short tasks, three annotators a pair"),
    StarterSet("vicuna80_human", "artidoro/qlora, bcdnlp/PRD", "MIT", "80 questions, 9 models"),
    StarterSet("llmeval_squared", "AlibabaResearch/DAMO-ConvAI", "MIT", "15 sets mixed; en, zh, pt, ru"),
    StarterSet("hh_rlhf_test", "anthropics/hh-rlhf", "MIT", "mostly many turns; no ties"),
)
"""Sets under terms that allow a model made from them to be passed on. No other set may be added without its licence."""
UNSEEN = (
    ("Kaggle's rows (Chatbot Arena)", Path("kaggle") / "train.csv"),
    ("arena33k_samples (Chatbot Arena 2023)", Path("battles") / "arena33k_samples.parquet"),
    ("autoj_test (58 scenarios)", Path("battles") / "autoj_test.parquet"),
    ("llmeval2_zh_derived (Chinese, scores made votes)", Path("battles") / "llmeval2_zh_derived.parquet"),
)
"""Battles that the starter judge is scored on and never learns from: what the card calls them, and their files."""


def read_votes(folder: Path, sets: Sequence[StarterSet] = SETS) -> pd.DataFrame:
    """Read every set as a battles table with one row for each pair of answers and outcome.

    Parameters
    ----------
    folder : Path
        Holds the folder battles with a parquet file a set: Kaggle's columns, `pair_id` (the same pair of answers,
        whichever side) and `annotator` ("" where unknown: every vote then is somebody else's).
    sets : sequence of StarterSet
        Those to read.

    Returns
    -------
    DataFrame, n rows
        A battles table whose sides are ordered by their texts. The weights of a pair add up to 1: an annotator who
        voted on it k times gave k votes of 1 / k, and all its annotators share the pair.

    Raises
    ------
    UserError
        When a file is missing, cannot be read, or has no such column.
    """
    tables = [_read_set(folder / "battles" / f"{each.name}.parquet", each.name) for each in sets]
    return check(pd.concat(tables, ignore_index=True))


def _read_set(path: Path, name: str) -> pd.DataFrame:
    if not path.is_file():
        raise UserError(f"{path}: is not there; name the folder that holds battles/{path.name}.")
    votes, _ = read_battles(path, labelled=True, source=name)
    who = pd.read_parquet(path).assign(id=lambda frame: frame["id"].astype(str)).set_index("id")
    lacking = [column for column in ("pair_id", "annotator") if column not in who.columns]
    if lacking:
        raise UserError(f"{path}: is missing the column {lacking[0]}; give votes with pair_id and annotator.")
    votes = votes.assign(pair=who["pair_id"].reindex(votes["id"]).to_numpy(dtype=str))
    nameless = np.array([f"?{row}" for row in range(len(votes))], dtype=object)
    named = who["annotator"].fillna("").reindex(votes["id"]).to_numpy(dtype=object)
    return _shared(_sides_in_order(votes), np.where(named == "", nameless, named))


def _sides_in_order(votes: pd.DataFrame) -> pd.DataFrame:
    """Turn battles round where answer A comes after answer B, so that votes on one pair meet."""
    turned = np.array([a > b for a, b in zip(votes["response_a"], votes["response_b"], strict=True)], dtype=bool)
    ordered = votes.copy()
    for a, b in (("response_a", "response_b"), ("model_a", "model_b")):
        ordered[a], ordered[b] = votes[a].where(~turned, votes[b]), votes[b].where(~turned, votes[a])
    ordered["outcome"] = np.where(turned, np.array(FLIP)[votes["outcome"]], votes["outcome"])
    return ordered


def _shared(votes: pd.DataFrame, annotator: np.ndarray) -> pd.DataFrame:
    """Give each pair the weight 1, shared by its annotators and by each one's votes; join equal votes to one row."""
    one = np.ones(len(votes))
    pair = votes["pair"].to_numpy()
    share = one / pd.Series(one).groupby([pair, annotator]).transform("sum").to_numpy()
    share = share / pd.Series(share).groupby(pair).transform("sum").to_numpy()
    # A pair's id stands for its texts; by the texts themselves, two that share an id by mistake stay apart.
    keys = [votes["pair"], votes["outcome"], *(votes[column] for column in TEXT_COLUMNS)]
    grouped = votes.assign(weight=share).groupby(keys, sort=False)
    first = votes.loc[~votes.duplicated(["pair", "outcome", *TEXT_COLUMNS])].reset_index(drop=True)
    return first.assign(
        weight=grouped["weight"].sum().to_numpy(), both_bad=grouped["both_bad"].all().to_numpy(), annotator=""
    )[list(COLUMNS)]
