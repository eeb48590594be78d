"""Which transformers a run uses: the models that params.yaml names, found on this disk, as learners of the stack."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from features.encoder.choice import EncoderParams, ResolvedEncoder, resolve
from pipelines.models.model_files import BUILTIN_NAME, tokenizer_sha256
from pipelines.models.model_loading import check_readable
from pipelines.terminal.command_line import Progress, silent
from stacker.learners.balance import BalanceParams
from stacker.learners.learner_registry import KINDS, Configured
from stacker.learners.transformer.encoder_head import EncoderHeadLearner, reads_apart
from stacker.learners.transformer.frozen import frozen_engine
from stacker.learners.transformer.learner import TransformerLearner
from stacker.learners.transformer.params import TransformerParams, TransformersParams
from stacker.learners.transformer.transformer_trees import TransformerTreesLearner
from stacker.learners.transformer.unvoted import Unvoted
from stacker.learners.trees.boosting import LightGBMParams

KIND, TREES_KIND, HEAD_KIND = "transformer", "transformer_trees", "encoder_head"
_NO_DIFFERENCE = {"model", "memory_share", "states_gb"}
"""Settings that say where things come from or how much memory they may take, not what a fit gives."""


@dataclass(frozen=True)
class ChosenTransformer:
    """A transformer that a run uses.

    Attributes
    ----------
    name : str
        Its name in tables, messages and the judge; no two of a run are alike.
    encoder : ResolvedEncoder
        What was asked for, what was found, and the hash of its weights; `message` is a line for the user where it is
        the fallback.
    unvoted : Unvoted or None
        Battles without a vote that it also learns from.
    """

    name: str
    params: TransformerParams
    encoder: ResolvedEncoder
    unvoted: Unvoted | None = None

    @property
    def identity(self) -> str:
        """Everything besides code, data and seed that its fit depends on."""
        settings = self.params.model_dump_json(exclude=_NO_DIFFERENCE)
        chosen = frozen_engine(self.params, self.encoder)
        engine = "" if chosen is None or chosen.copies is None else chosen.copies.version(chosen.precision)
        found = " ".join((settings, self.encoder.sha256, tokenizer_sha256(self.encoder.folder), engine))
        return found if self.unvoted is None else f"{found} {self.unvoted.identity}"

    def described(self) -> dict[str, Any]:
        """Return what a results file keeps of it, as JSON values."""
        return {
            "name": self.name,
            "model": self.encoder.name,
            "wanted": self.encoder.wanted,
            "used_fallback": self.encoder.used_fallback,
            "sha256": self.encoder.sha256,
            "params": self.params.model_dump(mode="json"),
        }


def choose_transformers(params: TransformersParams, encoder: EncoderParams) -> list[ChosenTransformer]:
    """Find the configured models on this disk; none where the section is switched off.

    Models that fall back to the same weights with the same settings would be the same learner: one of them is kept.

    Parameters
    ----------
    encoder : EncoderParams
        The section `encoder`: its `fallback` and `models_dir` hold for transformers too.

    Raises
    ------
    UserError
        When a model is neither here nor has a fallback, its folder is incomplete, or it is a decoder of another family.
    """
    if not params.enabled:
        return []
    found: dict[str, ChosenTransformer] = {}
    names: set[str] = set()
    for each in params.each():
        resolved = resolve(each.model, encoder.fallback, encoder.models_dir)
        if resolved.name != BUILTIN_NAME:
            check_readable(resolved.folder, resolved.name)
        chosen = ChosenTransformer(_name(resolved, each, names), each, resolved)
        if chosen.identity not in found:
            found[chosen.identity] = chosen
            names.add(chosen.name)
    return list(found.values())


def configured_transformers(
    chosen: Sequence[ChosenTransformer],
    progress: Progress = silent,
    trees: Literal["none", "logits", "embeddings"] = "none",
    lightgbm: LightGBMParams | None = None,
    balance: BalanceParams | None = None,
    shared: str | None = None,
) -> list[Configured]:
    """Return the chosen transformers as learners of the stack; all of them share one memory for frozen layers.

    Parameters
    ----------
    trees : str
        What further trees see of each transformer; none adds no trees.
    lightgbm : LightGBMParams or None
        The settings of those trees; None takes the defaults.
    balance : BalanceParams or None
        The section `balance`; each learner follows it as far as it can.
    shared : str or None
        Hash of the encoder whose embeddings the learners are given, as `encoder_head.reads_apart` takes it.

    Raises
    ------
    UserError
        When a transformer is to read apart and cannot.
    """
    balance = balance or BalanceParams()
    apart = {one.name for one in chosen if _is_apart(one, shared, balance)}
    if len(apart) == len(chosen):  # torch is not even imported
        return [_head(one) for one in chosen]
    from stacker.learners.transformer.network.inference import HiddenStateCache

    first = chosen[0].params
    shelf = HiddenStateCache(first.states_gb, first.memory_share)
    rising = Rising(progress)
    settings = lightgbm or LightGBMParams()

    def configured(one: ChosenTransformer) -> list[Configured]:
        if one.name in apart:
            return [_head(one)]

        def make() -> TransformerLearner:
            found = TransformerLearner(one.name, one.params, one.encoder, shelf=shelf, progress=rising, balance=balance)
            found.unvoted = one.unvoted
            return found

        own = one.identity + balance.named()
        found = [Configured(one.name, KIND, own, make)]
        if trees != "none":

            def make_trees() -> TransformerTreesLearner:
                return TransformerTreesLearner(make(), KINDS["lightgbm"](settings, balance), trees, rising)

            identity = " ".join((own, trees, settings.model_dump_json()))
            found.append(Configured(make_trees().name, TREES_KIND, identity, make_trees))
        return found

    return [each for one in chosen for each in configured(one)]


def _is_apart(one: ChosenTransformer, shared: str | None, balance: BalanceParams) -> bool:
    return reads_apart(one.params, one.encoder.sha256, None if one.unvoted is not None else shared, balance)


def _head(one: ChosenTransformer) -> Configured:
    identity = " ".join((one.name, one.encoder.sha256, str(one.params.C)))
    return Configured(one.name, HEAD_KIND, identity, lambda: EncoderHeadLearner(one.name, one.params))


class Rising:
    """Joins the repeated stages of many fits: where a stage begins anew, its bar grows instead of falling back."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._stages: dict[str, tuple[int, int, int]] = {}

    def __call__(self, stage: str, done: int, total: int) -> None:
        """Report `done` of `total` steps of the fit that is under way, on top of those before it."""
        before, last, last_total = self._stages.get(stage, (0, 0, 0))
        if done < last or total != last_total:
            before += last
        self._stages[stage] = (before, done, total)
        self.progress(stage, before + done, before + total)


def _name(encoder: ResolvedEncoder, params: TransformerParams, taken: set[str]) -> str:
    last = encoder.name.rstrip("/").rpartition("/")[2]
    # A judge refuses names of more than 100 characters; trees that see the transformer add to it.
    name = f"{re.sub(r'[^A-Za-z0-9._-]+', '-', last).strip('-.')[:60] or KIND}-{params.head}"
    number = 2
    unique = name
    while unique in taken:
        unique, number = f"{name}-{number}", number + 1
    return unique
