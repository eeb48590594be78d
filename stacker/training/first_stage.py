"""Many sources first: transformers are trained on all votes that are named before they see the run's own.

The run's prompts are left out of the first stage, so that no fold has been seen. How often people call a tie differs
between sources and is not to be learnt as if it were one thing: each source has a tie offset of its own, the log-odds
of its ties above those of all votes (as class priors are adjusted by Menon et al., 2021), which the run's own votes
have not.
"""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from features.encoder.choice import ResolvedEncoder
from pipelines.battles.arrays import Floats, Ints
from pipelines.battles.folds import normalised, prompt_groups
from pipelines.battles.sources import DataParams, load
from pipelines.battles.table import TEXT_COLUMNS
from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_folder
from pipelines.files.hashes import code_version
from pipelines.files.object_storage import RemoteFolder, local_folder
from pipelines.formats.reading import read_battles
from pipelines.models.model_files import check_folder, files_sha256, is_whole
from pipelines.terminal.command_line import Progress, silent
from stacker.judge.members import texts_alone
from stacker.learners.balance import BalanceParams
from stacker.learners.learner_interface import Fit
from stacker.learners.soft_votes import SoftVotes
from stacker.learners.transformer.chosen import ChosenTransformer
from stacker.learners.transformer.unvoted import Unvoted
from stacker.training.cross_fitting import fingerprint
from stacker.training.params import Params

_LEAST = 1.0
"""Votes of each kind that a source is counted with besides: one without ties has a finite offset."""


def after_first_stage(
    chosen: Sequence[ChosenTransformer],
    params: Params,
    battles: pd.DataFrame,
    progress: Progress = silent,
    note: Callable[[str], None] = lambda _: None,
) -> list[ChosenTransformer]:
    """Return the transformers as they are after the first stage; as they were where none is asked for.

    What was trained is kept in `run.cache` by its votes, its settings, its code and the weights that it began from.

    Parameters
    ----------
    battles : DataFrame, n rows
        Those of the run, whose prompts are left out.

    Raises
    ------
    UserError
        When a source cannot be read, nothing of them is left, or an encoder is frozen in the first stage.
    """
    first = params.transformer.first
    if not first.sources or not chosen:
        return list(chosen)
    for one in chosen:
        if one.params.quantization != "none":
            raise UserError(
                f"transformer.first trains weights of {one.encoder.name}, and quantized ones cannot be trained: set "
                "quantization to none, or leave sources empty."
            )
    kept = local_folder(params.run.cache / "first_stage")
    kept.mkdir(parents=True, exist_ok=True)
    loaded = load(DataParams(sources=first.sources), kept / "set_aside.jsonl")
    votes, left_out = without_prompts(loaded.train, battles)
    if votes.empty:
        raise UserError("transformer.first.sources: hold no vote on a prompt that the run has not; name others.")
    note(
        f"First stage: {len(votes):,} votes of {votes['source'].nunique()} sources"
        + (f"; {left_out:,} on prompts of the run are left out." if left_out else ".")
    )
    return [_trained(one, params, votes, progress) for one in chosen]


def with_unvoted(
    chosen: Sequence[ChosenTransformer],
    params: Params,
    battles: pd.DataFrame,
    note: Callable[[str], None] = lambda _: None,
) -> list[ChosenTransformer]:
    """Return the transformers with the battles without a vote that they also learn from, where any are named.

    Parameters
    ----------
    battles : DataFrame, n rows
        Those of the run, whose prompts are left out.

    Raises
    ------
    UserError
        When the file cannot be read, or all of its battles are on prompts of the run.
    """
    told = params.transformer.soft_labels.unvoted
    if told is None or not chosen:
        return list(chosen)
    found, _ = read_battles(told.source, labelled=False)
    texts, left_out = without_prompts(found, battles)
    if texts.empty:
        raise UserError(
            f"transformer.soft_labels.unvoted: {told.source} holds no battle on a prompt that the run has not; name "
            "another file."
        )
    note(
        f"Battles without a vote: {len(texts):,}, of which each fit keeps those that its own {told.by} is sure of by "
        f"{told.confidence:g}" + (f"; {left_out:,} on prompts of the run are left out." if left_out else ".")
    )
    unvoted = Unvoted(texts[list(TEXT_COLUMNS)], told, params.run.cache / "blocks")
    return [replace(one, unvoted=unvoted) for one in chosen]


def without_prompts(votes: pd.DataFrame, battles: pd.DataFrame) -> tuple[pd.DataFrame, int]:
    """Return the votes on prompts that no battle has, but for case and spaces, and how many others there were."""
    known = {normalised(turns) for turns in battles["prompt"]}
    keep = np.array([normalised(turns) not in known for turns in votes["prompt"]], dtype=bool)
    return votes[keep].reset_index(drop=True), int((~keep).sum())


def tie_offsets(source: "pd.Series[str]", outcome: Ints, weight: Floats) -> Floats:
    """Return (n,): the log-odds of a tie in each vote's source, above those in all votes."""

    def log_odds(rows: np.ndarray) -> float:
        ties = float(weight[rows & (outcome == 2)].sum()) + _LEAST
        return float(np.log(ties / (float(weight[rows & (outcome != 2)].sum()) + _LEAST)))

    of_all, names = log_odds(np.ones(len(outcome), dtype=bool)), source.to_numpy()
    found = np.zeros(len(outcome))
    for name in np.unique(names):
        rows = names == name
        found[rows] = log_odds(rows) - of_all
    return found


def _trained(one: ChosenTransformer, params: Params, votes: pd.DataFrame, progress: Progress) -> ChosenTransformer:
    from stacker.learners.transformer.learner import TransformerLearner

    first = params.transformer.first
    change = {"tuning": first.tuning, "top_layers": first.top_layers, "epochs": first.epochs, "store": "whole"}
    settings = one.params.model_copy(update=change)
    digest = hashlib.sha256(code_version(__name__, TransformerLearner.__module__).encode())
    about = (settings.model_dump_json(exclude={"model"}), one.encoder.sha256, str(params.run.seed))
    digest.update("\n".join((*about, *fingerprint(votes, ""), *votes["source"])).encode("utf-8", "surrogatepass"))
    there, name = params.run.cache / "first_stage", digest.hexdigest()[:32]
    folder = local_folder(there) / name
    if not is_whole(folder) and isinstance(there, RemoteFolder):
        there.fetch_folder(name, folder)
    if not is_whole(folder):
        outcome, weight = (votes[name].to_numpy() for name in ("outcome", "weight"))
        outcome, weight = outcome.astype(np.int64), weight / weight.mean()
        plain = SoftVotes(np.eye(3)[outcome], weight, np.full((len(votes), 3), np.nan))
        soft = replace(plain, tie_offset=tie_offsets(votes["source"], outcome, weight))
        fit = Fit(
            outcome,
            weight,
            prompt_groups(votes["prompt"]),
            params.run.seed,
            params.run.threads,
            folder.with_name(f"{folder.name}.work"),
            soft,
        )
        name = f"{one.name} (first stage)"
        learner = TransformerLearner(name, settings, one.encoder, progress=progress, balance=BalanceParams())
        learner.fit(texts_alone(votes), fit)
        with atomic_folder(folder) as part:
            learner.network_.encoder.model.save_pretrained(part)
            learner.structure_.tokenizer.save_pretrained(part)
        if isinstance(there, RemoteFolder):
            there.send_folder(name, folder)
    found = ResolvedEncoder(
        one.encoder.name, one.encoder.wanted, folder, files_sha256(check_folder(folder)), one.encoder.message
    )
    # What it has become is nowhere else, so that a judge keeps it.
    return ChosenTransformer(one.name, one.params.model_copy(update={"store": "whole"}), found)
