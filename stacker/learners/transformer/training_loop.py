"""Fine-tuning by the transformers Trainer: battles for examples, effective batches that memory cannot shrink."""

import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.utils.data import DataLoader
from transformers import Trainer, TrainerCallback, TrainingArguments
from transformers.trainer_callback import PrinterCallback

from pipelines.battles.arrays import FLIP
from pipelines.models.model_loading import quiet
from pipelines.terminal.command_line import Progress
from stacker.learners.transformer.fine_tuning_work import LOWER_IS_BETTER, EpochBatches, Metrics, Work, should_stop
from stacker.learners.transformer.network.batch_memory import length_batches, with_halving
from stacker.learners.transformer.network.network import PreferenceNetwork

WEIGHTS = "weights.safetensors"
COMPLETE = "complete"
"""An empty file that is written into a checkpoint last; a folder without it was cut short."""


def fine_tune(work: Work, folder: Path, seed: int, progress: Progress) -> None:
    """Train the network, going on from the last whole checkpoint in `folder`, and leave it with the best weights.

    The weights before training count among the candidates. `work.history` holds the metrics of each evaluation.
    """
    start = {name: value.detach().clone() for name, value in trainable(work.network).items()}
    before = work.held_metrics()
    with quiet():  # the Trainer has its own word on what the progress tells
        trainer = _trainer(work, folder, seed, before, progress)
        last = _last_checkpoint(folder)
        if last is not None and trainer.is_done(last):
            trainer.take_up(last)
        else:
            trainer.train(resume_from_checkpoint=None if last is None else str(last))
    work.history = trainer.evaluations()
    if best_place(work.history, work.params.watch[0]) == 0:
        _put(work.network, start)
    work.network.eval()
    work.network.zero_grad(set_to_none=True)


def best_place(history: Sequence[Metrics], metric: str) -> int:
    """Return which evaluation was best by one metric; the first one where none has a value."""
    sign = 1.0 if LOWER_IS_BETTER[metric] else -1.0
    values = np.array([entry[metric] for entry in history]) * sign
    return int(np.argmin(np.where(np.isfinite(values), values, np.inf)))


def trainable(network: torch.nn.Module) -> dict[str, Tensor]:
    """Return the weights that learn, by name."""
    return {name: value for name, value in network.named_parameters() if value.requires_grad}


class BattleTrainer(Trainer):
    """A Trainer whose examples are rows of `Work`; its step takes an effective batch in passes that fit into memory."""

    def __init__(self, work: Work, args: TrainingArguments, before: Metrics, seed: int) -> None:
        self.work = work
        self.before = before
        p = work.params
        swaps = p.swap_augmentation and work.network.head.both_orders
        self.batches = EpochBatches(work.train, p.batch_size, seed, swaps)
        weights = trainable(work.network)
        head = [value for name, value in weights.items() if name.startswith("head.")]
        body = [value for name, value in weights.items() if not name.startswith("head.")]
        groups: list[dict[str, Any]] = [{"params": head, "lr": p.head_learning_rate, "weight_decay": 0.0}]
        for decayed in (True, False):
            # Biases and the scales of norms are vectors; they are not drawn to zero.
            some = [value for value in body if (value.ndim > 1) == decayed]
            if some:
                groups.append(
                    {"params": some, "lr": p.learning_rate, "weight_decay": p.weight_decay if decayed else 0.0}
                )
        held: Any = range(len(work.held))  # evaluation is done by `Work`; the Trainer only asks that there is something
        super().__init__(model=work.network, args=args, eval_dataset=held, optimizers=(torch.optim.AdamW(groups), None))
        self.remove_callback(PrinterCallback)

    def get_train_dataloader(self) -> DataLoader[Any]:
        """Return row numbers, one effective batch at a time."""
        rows: Any = range(len(self.work.battles))
        return DataLoader(rows, batch_sampler=self.batches, collate_fn=lambda chosen: {"rows": torch.tensor(chosen)})

    def training_step(
        self, model: torch.nn.Module, inputs: dict[str, Tensor], num_items_in_batch: Any = None
    ) -> Tensor:
        """Add the gradient of one effective batch, in as many passes as memory asks for; return its loss."""
        work = self.work
        model.train()
        rows = inputs["rows"].tolist()
        weight = torch.from_numpy(work.votes.weight[rows])
        share = dict(zip(rows, (weight / weight.sum()).tolist(), strict=True))

        def step(tokens: int) -> Tensor:
            total = torch.zeros((), device=self.args.device)
            shown = [self._shown(row) for row in rows]
            lengths = [len(places) * max(len(work.battles.items[place]) for place in places) for places, _ in shown]
            for batch in length_batches(lengths, tokens, least=2):
                loss = self._loss(model, [rows[n] for n in batch], [shown[n] for n in batch], share)
                self.accelerator.backward(loss)
                total += loss.detach()
            return total

        return with_halving(work.budget, work.name, step, undo=lambda: model.zero_grad(set_to_none=True))

    def _with_start(self, log: Sequence[dict[str, Any]]) -> list[Metrics]:
        evaluated = [entry for entry in log if "eval_log_loss" in entry]
        return [self.before, *({name: entry[f"eval_{name}"] for name in self.before} for entry in evaluated)]

    def _shown(self, row: int) -> tuple[list[int], bool]:
        """Return the places of a battle's sequences as this epoch shows it, and whether its sides are swapped."""
        places = self.work.battles.places[row].tolist()
        if not self.work.network.head.both_orders:
            return places, False
        swapped = self.batches.swapped[row]
        return [places[int(swapped)]], swapped

    def _loss(
        self,
        model: torch.nn.Module,
        rows: Sequence[int],
        shown: Sequence[tuple[list[int], bool]],
        share: dict[int, float],
    ) -> Tensor:
        work = self.work
        items = [work.battles.items[place] for places, _ in shown for place in places]
        hidden = work.kept.get(items) if work.kept is not None else None
        numbers = model(work.network.collate(items), hidden)
        logits = work.network.head.logits(numbers.float().view(len(rows), -1, numbers.shape[1]))
        votes = [
            FLIP[work.votes.outcome[row]] if swapped else int(work.votes.outcome[row])
            for row, (_, swapped) in zip(rows, shown, strict=True)
        ]
        outcome = torch.tensor(votes, device=logits.device)
        soft = None if work.votes.soft is None else work.votes.soft.take(rows).flip([swapped for _, swapped in shown])
        each = work.loss(logits, outcome, soft)
        return (each * torch.tensor([share[row] for row in rows], device=each.device)).sum()

    def evaluate(self, *_: Any, **__: Any) -> dict[str, float]:
        """Return the metrics on the held-out rows, as the Trainer names them."""
        found = {f"eval_{name}": value for name, value in self.work.held_metrics().items()}
        self.log(dict(found))
        self.control = self.callback_handler.on_evaluate(self.args, self.state, self.control, found)
        return found

    def evaluations(self) -> list[Metrics]:
        """Return the metrics of every evaluation so far, the one before training first."""
        return self._with_start(self.state.log_history)

    def is_done(self, checkpoint: Path) -> bool:
        """Tell whether a checkpoint is the last one that this training would make."""
        stored = json.loads((checkpoint / "trainer_state.json").read_text(encoding="utf-8"))
        p = self.work.params
        history = self._with_start(stored["log_history"])
        return stored["global_step"] >= stored["max_steps"] or should_stop(history, p.watch, p.patience)

    def take_up(self, checkpoint: Path) -> None:
        """Take state and best weights from a checkpoint of a training that had ended."""
        self.state = self.state.load_from_json(str(checkpoint / "trainer_state.json"))
        self._load_best_model()

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        """Write the weights that learn, as safetensors; the rest is in the base."""
        folder = Path(output_dir or str(self.args.output_dir))
        folder.mkdir(parents=True, exist_ok=True)
        weights = {name: value.detach().cpu().contiguous() for name, value in trainable(self.work.network).items()}
        save_file(weights, folder / WEIGHTS)

    def _save_checkpoint(self, model: torch.nn.Module, trial: Any) -> None:
        super()._save_checkpoint(model, trial)
        (Path(str(self.args.output_dir)) / f"checkpoint-{self.state.global_step}" / COMPLETE).touch()

    def _load_from_checkpoint(self, resume_from_checkpoint: str, model: Any = None) -> None:
        _put(self.work.network, load_file(Path(resume_from_checkpoint) / WEIGHTS))

    def _load_best_model(self) -> None:
        path = Path(str(self.args.output_dir)) / f"checkpoint-{self.state.best_global_step}" / WEIGHTS
        if path.exists():
            _put(self.work.network, load_file(path))


class _Flow(TrainerCallback):
    """Hands the epoch to the sampler, reports progress, and stops when nothing watched improves any more."""

    def __init__(self, trainer: BattleTrainer, progress: Progress) -> None:
        self.trainer = trainer
        self.progress = progress

    def on_epoch_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.trainer.batches.set_epoch(state.global_step // len(self.trainer.batches))

    def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self.progress(f"{self.trainer.work.name}: training", state.global_step, state.max_steps)

    def on_evaluate(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        p = self.trainer.work.params
        if should_stop(self.trainer.evaluations(), p.watch, p.patience):
            control.should_training_stop = True
            control.should_save = True


def _trainer(work: Work, folder: Path, seed: int, before: Metrics, progress: Progress) -> BattleTrainer:
    p = work.params
    steps = -(-len(work.train) // p.batch_size)
    every = max(-(-steps // p.evaluations_per_epoch), 1)
    half = work.runner.half
    args = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=p.epochs,
        per_device_train_batch_size=p.batch_size,
        learning_rate=p.learning_rate,
        lr_scheduler_type="cosine",
        warmup_steps=p.warmup_ratio,
        max_grad_norm=1.0,
        eval_strategy="steps",
        eval_steps=every,
        save_strategy="steps",
        save_steps=every,
        save_total_limit=2,
        load_best_model_at_end=True,
        metric_for_best_model=p.watch[0],
        greater_is_better=not LOWER_IS_BETTER[p.watch[0]],
        logging_strategy="steps",
        logging_steps=every,
        report_to="none",
        disable_tqdm=True,
        remove_unused_columns=False,
        dataloader_pin_memory=False,
        use_cpu=work.network.device.type == "cpu",
        bf16=half == torch.bfloat16,
        fp16=half == torch.float16,
        seed=seed % (1 << 32),
    )
    # With several GPUs the Trainer would copy the network to each, and copies have no halves (`SplitEncoder`).
    args._n_gpu = min(args.n_gpu, 1)
    trainer = BattleTrainer(work, args, before, seed)
    trainer.add_callback(_Flow(trainer, progress))
    return trainer


def _last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint; what was cut short, or comes after it, is removed."""
    whole: Path | None = None
    for path in sorted(folder.glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2])):
        if (path / COMPLETE).exists():
            whole = path
        else:
            shutil.rmtree(path)
    return whole


def _put(network: PreferenceNetwork, weights: dict[str, Tensor]) -> None:
    with torch.no_grad():
        for name, value in trainable(network).items():
            value.copy_(weights[name])
