"""Settings of one transformer of the stack."""

from typing import Any, Literal, Self

from pydantic import Field, ValidationError, model_validator

from features.encoder.engines.engine import EngineName
from pipelines.battles.sources import SourceParams
from pipelines.models.quantized_weights import Quantization
from pipelines.settings import LocalPath, PathText, Section, Strengths
from stacker.learners.balance import BalanceParams

Watched = Literal["log_loss", "accuracy", "balanced_accuracy", "bradley_terry_loss"]


DISTILBERT = "distilbert-base-uncased"


class LossParams(Section):
    """Weights of the losses that are added up; `focal_gamma` and `label_smoothing` shape them.

    `cross_entropy`, `class_weighted` (each class counts alike), `focal` (Lin et al., 2017) and `ranking`
    (Bradley-Terry on the gap of A's and B's logits, a tie as half a win for each).
    """

    cross_entropy: float = Field(1.0, ge=0, le=1000)
    class_weighted: float = Field(0.0, ge=0, le=1000)
    focal: float = Field(0.0, ge=0, le=1000)
    focal_gamma: float = Field(2.0, ge=0, le=1000)
    ranking: float = Field(0.0, ge=0, le=1000)
    label_smoothing: float = Field(0.0, ge=0, lt=1)

    @model_validator(mode="after")
    def _some_loss(self) -> Self:
        if self.cross_entropy + self.class_weighted + self.focal == 0:
            raise ValueError("give cross_entropy, class_weighted or focal a weight above 0: ranking alone has no tie")
        return self


class UnvotedParams(Section):
    """Battles without a vote that transformers also learn from, labelled anew in every fit.

    `source` is a file of battles in any form; those on the run's prompts are left out. `by` is the learner that labels
    them, fitted to the text features of the battles of that fit alone. Kept are those of which it gives one outcome at
    least `confidence`, at most `most` of them, the surest; each counts as the part `weight` of a vote, and its label is
    what the learner gives all three outcomes.
    """

    source: LocalPath
    by: Literal["lightgbm", "linear"] = "lightgbm"
    confidence: float = Field(0.6, ge=1 / 3, le=1)
    weight: float = Field(0.5, gt=0, le=1)
    most: int = Field(10_000, ge=1)


class SoftLabelParams(Section):
    """Votes as distributions, for transformers.

    `voters`: a vote on a pair that several people voted on is the shares of their votes. `graded`: a vote of less
    weight than others of its source is in part a tie. `teacher`: a file of another judge's verdicts by the battles'
    ids, as `learners.outside` reads them; the loss is `share` parts the distance from it at `temperature`
    (Kullback-Leibler), the rest that from the vote. A teacher that was trained on these votes must be out of fold.
    `unvoted`: battles without a vote, labelled by a rule inside each fit; null or a mapping of
    `UnvotedParams`.
    """

    voters: bool = False
    graded: bool = False
    teacher: LocalPath | None = None
    share: float = Field(0.5, ge=0, le=1)
    temperature: float = Field(2.0, ge=0.1, le=100)
    unvoted: UnvotedParams | None = None


class FirstStageParams(Section):
    """Votes of other people that transformers are trained on before the run's own.

    `sources` as those of the section `data`; battles on the run's prompts are left out. `tuning`, `top_layers` and
    `epochs` are those of this stage, which must train something; what it gives is where every fold begins.
    """

    sources: tuple[SourceParams, ...] = ()
    tuning: Literal["top_k", "lora", "all"] = "top_k"
    top_layers: int = Field(2, ge=1)
    epochs: float = Field(1.0, ge=0.001, le=1000)


class TransformerSettings(Section):
    """How a transformer reads, learns and is kept; whatever its weights are.

    `reads`: together, the prompt and an answer in one sequence; apart, a head alone, on the embeddings that the run's
    encoder makes of each text anyway; auto, apart where the model is that encoder and no other key says how battles are
    read or what is trained. `form`: how a battle is written down; structured marks its texts with their lengths, chat
    is the model's own chat template, auto takes that for decoders that have one. `tuning`: frozen fits the head alone;
    top_k trains the upper `top_layers` layers; lora puts adapters of `lora_rank` into the upper `top_layers` layers (0
    means every layer); all trains all. Budgets are in tokens of the model's own tokenizer, markers not counted.
    `batch_size` is in battles. `C` are candidates for the inverse penalty of the head's first, convex fit, chosen on
    inner folds. `watch` lists what early stopping looks at: the weights kept are the best by the first, training goes
    on while any of them improves within `patience` evaluations. `store`: beside keeps only what differs from the named
    base (of lora the adapters), whole keeps a full copy, auto keeps it beside where the base comes with the install or
    is a decoder. `engine` runs a frozen encoder on a CPU, as that of the section encoder does, and `precision` int8 is
    for it; bf16 and fp16 are for a GPU. An encoder that was trained is run by torch in its run, and by a converted copy
    (in fp32, unless `precision` says int8) in a saved judge. `quantization` loads the weights of a
    decoder in 8bit (LLM.int8) or 4bit (NF4; with lora this is QLoRA), by the extra `quantized`.
    """

    renamed = {"strengths": "C", "batch": "batch_size", "warmup": "warmup_ratio", "held_share": "validation_fraction"}

    head: Literal["joint", "pairwise"] = "pairwise"
    ties: Literal["davidson", "rao_kupper"] = "davidson"
    reads: Literal["auto", "together", "apart"] = "auto"
    form: Literal["auto", "structured", "chat"] = "auto"
    tuning: Literal["frozen", "top_k", "lora", "all"] = "frozen"
    top_layers: int = Field(1, ge=0)
    lora_rank: int = Field(8, ge=1, le=1024)
    lora_alpha: int = Field(16, ge=1, le=100_000)
    lora_dropout: float = Field(0.05, ge=0, lt=1)

    prompt_tokens: int = Field(64, ge=1, le=1_000_000)
    answer_tokens: int = Field(128, ge=1, le=1_000_000)
    head_share: float = Field(0.6, ge=0, le=1)
    lengths: bool = True

    losses: LossParams = LossParams()
    C: Strengths = (0.0003, 0.001, 0.003, 0.01)
    epochs: float = Field(2.0, ge=0.001, le=1000)
    batch_size: int = Field(16, ge=1, le=100_000)
    learning_rate: float = Field(5e-5, gt=0, le=100)
    head_learning_rate: float = Field(1e-4, gt=0, le=100)
    weight_decay: float = Field(0.01, ge=0, le=10)
    warmup_ratio: float = Field(0.1, ge=0, lt=1)
    dropout: float = Field(0.1, ge=0, lt=1)
    swap_augmentation: bool = True

    validation_fraction: float = Field(0.15, ge=0.001, lt=1)
    watch: tuple[Watched, ...] = Field(
        ("log_loss", "accuracy", "balanced_accuracy", "bradley_terry_loss"), min_length=1
    )
    patience: int = Field(3, ge=1)
    evaluations_per_epoch: int = Field(2, ge=1)

    device: Literal["auto", "cpu", "cuda"] = "auto"
    engine: EngineName = "auto"
    precision: Literal["auto", "fp32", "bf16", "fp16", "int8"] = "auto"
    quantization: Quantization = "none"
    gradient_checkpointing: bool = False
    memory_share: float = Field(0.4, ge=0.001, lt=1)
    states_gb: float = Field(2.0, ge=0, le=1e6)
    store: Literal["auto", "whole", "beside"] = "auto"

    @model_validator(mode="after")
    def _layers_to_train(self) -> Self:
        if self.tuning == "top_k" and self.top_layers == 0:
            raise ValueError("tuning top_k needs top_layers of 1 or more; for none choose frozen, for every layer all")
        return self

    @model_validator(mode="after")
    def _quantized_weights_stay(self) -> Self:
        if self.quantization != "none":
            if self.tuning not in ("frozen", "lora"):
                raise ValueError(f"quantization {self.quantization} leaves no weights to train: set tuning to lora")
            if self.store == "whole":
                raise ValueError("quantized weights are not written: set store to beside, and keep the base")
        return self


class TransformerParams(TransformerSettings):
    """One fine-tuned transformer: `model` is a Hub name or a local folder."""

    model: PathText = DISTILBERT

    def balanced(self, balance: BalanceParams) -> Self:
        """Return these settings with the loss that the section `balance` asks for, where a transformer has it.

        It takes the place of the cross-entropy, class-weighted and focal losses together; the ranking loss stays.
        """
        losses = self.losses
        whole = losses.cross_entropy + losses.class_weighted + losses.focal
        if balance.method == "weights":
            change = {"cross_entropy": 0.0, "class_weighted": whole, "focal": 0.0}
        elif balance.method == "focal":
            change = {"cross_entropy": 0.0, "class_weighted": 0.0, "focal": whole, "focal_gamma": balance.gamma}
        else:
            return self
        return self.model_copy(update={"losses": losses.model_copy(update=change)})


class TransformersParams(TransformerSettings):
    """The transformers of the stack: settings that they share, and the `models`.

    Each model is a Hub name, a local folder, or a mapping of `model` and the settings in which it differs, for example
    `{model: roberta-base, head: joint}`. Several make an ensemble: each is a learner of the stack. Where a model is not
    on this disk, the encoder section's `fallback` takes its place. `trees` adds a LightGBM for each transformer, which
    sees its logits beside the other features, or its embeddings in the place of the frozen ones; with logits, and with
    embeddings that are fine-tuned, each of its fits fits the transformer three times more.
    """

    enabled: bool = True
    trees: Literal["none", "logits", "embeddings"] = "none"
    soft_labels: SoftLabelParams = SoftLabelParams()
    first: FirstStageParams = FirstStageParams()
    models: tuple[str | dict[str, Any], ...] = Field((DISTILBERT,), min_length=1)

    @model_validator(mode="after")
    def _models_parse(self) -> Self:
        self.each()
        return self

    def each(self) -> list[TransformerParams]:
        """Return the settings of each model."""
        shared = self.model_dump(exclude={"enabled", "models", "trees", "soft_labels", "first"})
        found = []
        for place, model in enumerate(self.models):
            own: dict[str, Any] = {"model": model} if isinstance(model, str) else self.todays(model)
            losses = own.get("losses")
            if isinstance(losses, dict):
                own["losses"] = {**shared["losses"], **losses}
            if not isinstance(model, str) and "model" not in own:
                raise ValueError(f"models.{place} has no model; write {{model: NAME, ...}}")
            try:
                found.append(TransformerParams.model_validate({**shared, **own}))
            except ValidationError as fault:
                first = fault.errors()[0]
                key = ".".join(("models", str(place), *map(str, first["loc"])))
                raise ValueError(f"{key}: {first['msg'][:1].lower()}{first['msg'][1:]}") from fault
        return found
