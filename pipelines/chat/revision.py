"""Have a generator criticise and revise answers by principles: `python -m pipelines.chat.revision MODEL BATTLES...`."""

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.chat.chat_models import open_model
from pipelines.chat.chat_params import ChatParams
from pipelines.chat.principles import Principle, built_in_names, read_principles
from pipelines.chat.reply_store import ReplyStore
from pipelines.chat.revising import CUT, EMPTY, LEFT, NOTHING, SAME, Reviser, counted, drafts_of, pairs_table
from pipelines.errors import UserError
from pipelines.formats.reading_options import ReadingOptions, reading_options
from pipelines.formats.told_reading import read_told
from pipelines.preferences import Form, add_pair_arguments, check_pairs_file, pairs_of, write_pairs
from pipelines.settings import fault_sentence
from pipelines.terminal.command_line import HelpByParagraphs, Screen, run_command

RULES = """\
Each answer is criticised by a principle, which is drawn by a hash of its texts, and rewritten so that the critique no
longer holds (after Bai et al., 2022); --rounds 2 does so again by another principle. The revised answer over the
original is a preference pair for `python -m pipelines.dpo`. Answers that the critic finds nothing to say of, and
revised ones that are empty, cut off or the same, make no pair. Every reply is kept: a command that was stopped asks for
nothing twice."""
KEPT = Path("cache") / "revision"
_NUMBERS: dict[str, tuple[type, str]] = {
    "max_tokens": (int, "longest reply, in tokens (%(default)s)"),
    "temperature": (float, "0 takes the likeliest word (%(default)s)"),
    "seconds": (float, "how long a reply is waited for (%(default)s)"),
    "parallel": (int, "questions that a server has at a time (%(default)s)"),
    "price_in": (float, "of a million tokens read (%(default)s)"),
    "price_out": (float, "of a million tokens written (%(default)s)"),
    "most_calls": (int, "stop before more; 0 is no limit (%(default)s)"),
    "most_tokens": (int, "stop before more; 0 is no limit (%(default)s)"),
    "most_cost": (float, "stop before more, at the prices; 0 is no limit (%(default)s)"),
}
_DEFAULTS: dict[str, Any] = {"max_tokens": 800}


def main(arguments: Sequence[str] | None = None) -> None:
    """Parse the command line and revise."""
    parser = argparse.ArgumentParser(
        prog="python -m pipelines.chat.revision",
        description="Have a language model criticise and revise answers by principles, as preference pairs for DPO.",
        formatter_class=HelpByParagraphs,
        epilog=RULES,
    )
    parser.add_argument("model", help="folder of a causal model, or the model's name on the server of --base-url")
    add_pair_arguments(parser)
    parser.add_argument("--principles", nargs="+", default=[], metavar="NAME", help="which (all there are)")
    parser.add_argument("--constitution", type=Path, metavar="FILE", help="a YAML file of principles of your own")
    parser.add_argument("--rounds", type=int, default=1, help="principles an answer is revised by (%(default)s)")
    parser.add_argument("--replies", type=Path, default=KEPT, metavar="FOLDER", help="keeps replies (%(default)s)")
    parser.add_argument("--base-url", default="", help="of a server of OpenAI's protocol, up to and with /v1")
    parser.add_argument("--api-key-env", default="", help="variable that holds its key")
    for name, (kind, told) in _NUMBERS.items():
        default = _DEFAULTS.get(name, ChatParams.model_fields[name].default)
        parser.add_argument(f"--{name.replace('_', '-')}", type=kind, default=default, help=told)
    chosen = parser.parse_args(arguments)
    run_command(lambda: _command(chosen, reading_options(chosen)))


def _command(chosen: argparse.Namespace, reading: ReadingOptions) -> None:
    names = ("model", "base_url", "api_key_env", *_NUMBERS)
    try:
        params = ChatParams.model_validate({name: getattr(chosen, name) for name in names})
    except ValidationError as fault:
        raise UserError(fault_sentence(fault, "options", list(ChatParams.model_fields))) from fault
    screen = Screen()
    every = built_in_names() if chosen.constitution is None else []
    principles = read_principles(chosen.principles or every, chosen.constitution)
    how = (principles, chosen.rounds, chosen.replies, reading, screen, chosen.form)
    with screen.working():
        revise_files(params, chosen.battles, chosen.out, *how)


def revise_files(
    params: ChatParams,
    sources: Sequence[Path],
    out: Path,
    principles: Sequence[Principle],
    rounds: int,
    replies: Path,
    reading: ReadingOptions,
    screen: Screen,
    form: Form = "conversational",
) -> int:
    """Write preference pairs of revised over original answers, whole or not at all, and return how many.

    Parameters
    ----------
    sources : sequence of Path
        Files of battles, whose votes are not looked at.
    replies : Path
        Folder that keeps what the model said.

    Raises
    ------
    UserError
        When a file or the model cannot be used, or most answers are lost.
    """
    check_pairs_file(out, sources)
    if not 1 <= rounds <= len(principles):
        raise UserError(f"--rounds {rounds}: must be 1 to {len(principles)}, the number of principles.")
    drafts = drafts_of(read_told(sources, reading, screen.note, labelled=False))
    if not drafts:
        raise UserError(f"{sources[0]}: holds no answer to revise; name battles with answers.")
    model, store = open_model(params), ReplyStore(replies)
    try:
        revised = Reviser(model, params, store, screen.note, screen.progress).revise(drafts, principles, rounds)
    finally:
        store.close()
        model.close()
    counts = counted(revised)
    lost = counts[CUT] + counts[EMPTY] + counts[LEFT]
    if lost > len(drafts) / 2:
        told = f"{counts[CUT]:,} were cut off at --max-tokens {params.max_tokens}, {counts[EMPTY]:,} empty"
        raise UserError(
            f"--out {out}: {lost:,} of {len(drafts):,} answers have no revision ({told}, {counts[LEFT]:,} not asked "
            "for); raise the limits and run the command again, which goes on from what is kept."
        )
    pairs = list(pairs_of(pairs_table(revised), form))
    if not pairs:
        raise UserError(
            f"--out {out}: no answer of {len(drafts):,} was revised; name other principles or a larger model."
        )
    write_pairs(out, pairs)
    screen.note(
        f"{len(pairs):,} pairs from {len(drafts):,} answers: {out}. No pair: nothing to criticise {counts[NOTHING]:,}, "
        f"same text {counts[SAME]:,}, cut off {counts[CUT]:,}, empty {counts[EMPTY]:,}, not asked for {counts[LEFT]:,}."
    )
    return len(pairs)


if __name__ == "__main__":
    main()
