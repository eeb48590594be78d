"""Fine-tune a local generator on people's votes: `python -m pipelines.dpo MODEL BATTLES... --out FOLDER`."""

import argparse
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.errors import UserError
from pipelines.files.atomic_files import atomic_folder, write_json
from pipelines.formats.reading_options import ReadingOptions, add_reading_arguments, reading_options
from pipelines.formats.told_reading import Note, read_told
from pipelines.models.model_loading import load_generator
from pipelines.preferences import RULES, Form, Ties, pairs_of
from pipelines.terminal.command_line import HelpByParagraphs, check_output, run_command

DPO = "dpo.json"
EXTRA = "pip install 'preference-stacker[dpo]'"


@dataclass(frozen=True)
class DPOSettings:
    """How a generator is fine-tuned by direct preference optimisation (Rafailov et al., 2023).

    Attributes
    ----------
    beta : float
        How closely the model is held to what it was.
    learning_rate, epochs, batch : float, float, int
        Of the optimiser.
    longest : int
        Tokens of prompt and answer that are kept.
    lora : int
        Rank of low-rank adapters, which are merged at the end; 0 trains all weights.
    seed : int
        Order of the pairs, and adapters.
    """

    beta: float = 0.1
    learning_rate: float = 1e-6
    epochs: float = 1.0
    batch: int = 4
    longest: int = 1024
    lora: int = 0
    seed: int = 0


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and fine-tune."""
    default = DPOSettings()
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.dpo",
        description="Fine-tune a causal language model from a local folder on battles with votes (TRL's DPOTrainer).",
        formatter_class=HelpByParagraphs,
        epilog=f"{RULES}\n\nNeeds TRL: {EXTRA}",
    )
    parser.add_argument("model", type=Path, help="folder of a causal model, e.g. got by pipelines.models fetch")
    parser.add_argument("battles", nargs="+", type=Path, metavar="BATTLES", help="files that data.sources can name")
    parser.add_argument("--out", type=Path, required=True, metavar="FOLDER", help="where the new model is written")
    parser.add_argument("--ties", choices=("drop", "both"), default="drop", help="what a tie makes")
    parser.add_argument("--beta", type=float, default=default.beta, help="hold on the old model (%(default)s)")
    parser.add_argument("--learning-rate", type=float, default=default.learning_rate, help="(%(default)s)")
    parser.add_argument("--epochs", type=float, default=default.epochs, help="(%(default)s)")
    parser.add_argument("--batch", type=int, default=default.batch, help="pairs at a time (%(default)s)")
    parser.add_argument("--longest", type=int, default=default.longest, help="tokens kept (%(default)s)")
    parser.add_argument("--lora", type=int, default=default.lora, help="rank of adapters, 0 for none (%(default)s)")
    parser.add_argument("--seed", type=int, default=default.seed, help="(%(default)s)")
    add_reading_arguments(parser)
    chosen = parser.parse_args(arguments)
    names = ("beta", "learning_rate", "epochs", "batch", "longest", "lora", "seed")
    settings = DPOSettings(**{name: getattr(chosen, name) for name in names})
    run_command(
        lambda: _fine_tune(chosen.model, chosen.battles, chosen.out, settings, chosen.ties, reading_options(chosen))
    )


def _fine_tune(
    model: Path, sources: Sequence[Path], out: Path, settings: DPOSettings, ties: Ties, reading: ReadingOptions
) -> None:
    done = fine_tune(model, sources, out, settings, ties, reading, lambda line: sys.stdout.write(f"{line}\n"))
    sys.stdout.write(
        f"{done['pairs']:,} pairs: DPO loss {done['loss_before']:.4f} before, {done['loss_after']:.4f} after "
        f"(on the pairs trained on). Model: {out}\n"
    )


def fine_tune(
    model: Path,
    sources: Sequence[Path],
    out: Path,
    settings: DPOSettings,
    ties: Ties = "drop",
    reading: ReadingOptions = ReadingOptions(),  # noqa: B008 - it cannot be changed
    note: Note = lambda line: None,
) -> dict[str, Any]:
    """Fine-tune a causal model and write it as a folder, whole or not at all.

    Parameters
    ----------
    model : Path
        Folder with weights and tokenizer; nothing is fetched.
    sources : sequence of Path
        Files of battles with votes.
    out : Path
        Folder of the new model, with `dpo.json` next to its weights.
    reading : ReadingOptions
        Names of columns, and how much of a file may be lost.
    note : callable
        Told of each file which form it has, how many votes, and what cannot be used.

    Returns
    -------
    dict
        `pairs`, `loss_before` and `loss_after` (mean DPO loss on the pairs; log 2 before, by its form), `settings`.

    Raises
    ------
    UserError
        When TRL is not installed, the model is not there, or the battles give no pair.
    """
    check_output(out, [model, *sources])
    trl = _trl()
    battles = read_told(sources, reading, note, labelled=True)
    tokenizer, network = load_generator(model)
    form: Form = "conversational" if tokenizer.chat_template else "plain"
    rows = list(pairs_of(battles, form, ties))
    if not rows:
        raise UserError(f"{sources[0]}: gives no preference pair; name battles with votes for one side.")
    with atomic_folder(out, DPO) as part:
        trainer = _trainer(trl, network, tokenizer, rows, settings, part)
        before = float(trainer.evaluate()["eval_loss"])
        trainer.train()
        after = float(trainer.evaluate()["eval_loss"])
        trained = trainer.accelerator.unwrap_model(trainer.model)
        if settings.lora:
            trained = trained.merge_and_unload()
        trained.save_pretrained(part, safe_serialization=True)
        tokenizer.save_pretrained(part)
        done = {"pairs": len(rows), "loss_before": before, "loss_after": after, "settings": vars(settings)}
        write_json(part / DPO, {"model": str(model), "ties": ties, **done})
    return done


def _trl() -> Any:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of packages that TRL could use and that are not here
            import trl
    except ImportError as fault:
        raise UserError(f"pipelines.dpo: needs TRL, which is not installed ({fault}); run `{EXTRA}`.") from fault
    return trl


def _trainer(
    trl: Any, network: Any, tokenizer: Any, rows: list[dict[str, Any]], settings: DPOSettings, scratch: Path
) -> Any:
    import datasets
    import torch
    from transformers.trainer_callback import PrinterCallback

    quiet = not sys.stderr.isatty()
    if quiet:
        datasets.disable_progress_bars()
    data = datasets.Dataset.from_list([{name: row[name] for name in ("prompt", "chosen", "rejected")} for row in rows])
    adapters = None
    if settings.lora:
        from peft import LoraConfig

        adapters = LoraConfig(r=settings.lora, lora_alpha=2 * settings.lora, target_modules="all-linear")
    arguments = trl.DPOConfig(
        output_dir=str(scratch),
        beta=settings.beta,
        learning_rate=settings.learning_rate,
        num_train_epochs=settings.epochs,
        per_device_train_batch_size=settings.batch,
        per_device_eval_batch_size=settings.batch,
        max_length=settings.longest,
        seed=settings.seed,
        bf16=torch.cuda.is_available() and torch.cuda.is_bf16_supported(),
        save_strategy="no",
        report_to="none",
        disable_tqdm=quiet,
        logging_strategy="no",
        dataloader_pin_memory=torch.cuda.is_available(),
    )
    trainer = trl.DPOTrainer(
        model=network,
        args=arguments,
        train_dataset=data,
        eval_dataset=data,
        processing_class=tokenizer,
        peft_config=adapters,
    )
    trainer.remove_callback(PrinterCallback)  # this command says itself what came of it
    return trainer


if __name__ == "__main__":
    main()
