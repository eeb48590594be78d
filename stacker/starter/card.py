"""The starter judge's model card: what it was made from, how it does, what it must not be used for."""

from collections.abc import Mapping, Sequence

import numpy as np

from pipelines.battles.starter_sets import PRIOR, SETS
from stacker.evaluation import metrics
from stacker.judge.provenance import versions
from stacker.starter.starter_fit import FittedStarter, StarterSettings
from stacker.starter.unseen import Scored

_MATTERS = ("python", "lightgbm", "scikit-learn", "numpy", "scipy")
"""Versions that the bits of the judge depend on."""


def model_card(fitted: FittedStarter, settings: StarterSettings, unseen: Sequence[Scored], digest: str) -> str:
    """Write the card.

    Parameters
    ----------
    fitted : FittedStarter
        The judge and its making.
    settings : StarterSettings
        How it was fitted.
    unseen : sequence of Scored
        How it does on battles that it never saw.
    digest : str
        `stacker.starter.judge_hash` of its files.
    """
    parts = [
        _head(digest),
        _sources(fitted),
        _training(fitted, settings),
        _held_out(fitted),
        _unseen(unseen),
        *(_by_parts(each) for each in unseen if each.parts),
        _limits(),
    ]
    return "\n\n".join(parts) + "\n"


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a Markdown table whose first column holds names and whose others hold numbers."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _head(digest: str) -> str:
    used = versions()
    told = ", ".join(f"{name} {used[name]}" for name in _MATTERS if name in used)
    return f"""# The starter judge

Tells which of two answers of language models a person would prefer (A, B, tie) before you have trained a judge of your
own. It reads no words: it sees counts, style, sentiment, readability, turns, and what the answers share with the
prompt and with each other. It holds no text of any data set.

Made by `python -m pipelines.starter DATA_DIR`, where DATA_DIR holds the folders `battles` and `kaggle`.

SHA-256 of its files (names and bytes, without this card): `{digest}`.
Made with {told}; the same versions on the same kind of processor give the same bits."""


def _sources(fitted: FittedStarter) -> str:
    source = fitted.battles["source"].to_numpy(dtype=str)
    outcome, weight = fitted.battles["outcome"].to_numpy(dtype=np.int64), fitted.battles["weight"].to_numpy(float)
    learnt = source[fitted.rows.battle]
    rows = []
    for each in SETS:
        inside = source == each.name
        if not inside.any():
            continue
        shares = np.bincount(outcome[inside], weights=weight[inside], minlength=3) / weight[inside].sum()
        say = fitted.rows.weight[learnt == each.name].sum() / fitted.rows.weight.sum()
        numbers = [f"{inside.sum():,}", f"{weight[inside].sum():,.0f}", *(f"{share:.2f}" for share in shares)]
        rows.append([f"{each.name} ({each.project}): {each.what}", each.licence, *numbers, f"{100 * say:.0f} %"])
    return f"""## What it learnt from

Votes of people, of sets whose terms allow a model made from them to be passed on.

{table(["set", "licence", "rows", "pairs", "A", "B", "tie", "say in the fit"], rows)}

A row is a pair of answers with one outcome. Each pair weighs 1, shared by its annotators, and each annotator's share by
her votes on it. Sides are ordered by their texts, so A and B mean nothing here."""


def _training(fitted: FittedStarter, settings: StarterSettings) -> str:
    pool = fitted.judge.pool
    factors = ", ".join(f"{name} {factor:g}" for name, factor in settings.factors.items())
    trees = settings.lightgbm
    rounds, leaves = trees.n_estimators, trees.num_leaves
    bags = min(trees.bags, len(np.unique(fitted.rows.family)))
    names = len(fitted.judge.members[0].learner.names_)  # type: ignore[attr-defined]
    return f"""## How it was trained

- Features: {names} of a battle, of the blocks surface, style, sentiment, readability, overlap and turns; no encoder.
- A set's say is its number of pairs to the power {settings.power:g}, times a factor ({factors}; 1 for others).
- Ties are weighed to {PRIOR[2]:.3f} in every set, and in every language of a set, so that a habit of voting ties is not
  taken for what the texts say. Where there are none, each vote is given one beside it, at that share.
- LightGBM ({bags} bags of up to {rounds} rounds at {trees.learning_rate:g}, {leaves} leaves) and two
  logistic regressions. Trees stop, and penalties are chosen, on a family of sets that was left out: sets that have
  prompts in common are one family, and no prompt is in two ({fitted.left_out} rows that were are left out).
- Level 1: the mean of the learners' log-odds (weights fitted to the families left out did worse on further ones), with
  a temperature of {pool.temperature_:.3f}, the best one for the families left out.
- Assumed prior: A {PRIOR[0]:.3f}, B {PRIOR[1]:.3f}, tie {PRIOR[2]:.3f}, the shares that Kaggle publishes of its
  Chatbot Arena battles. The tie log-odds are shifted so that ties have this share of what it says of unseen families.
  Where your voters tie more or less often, it is off by that much: learn from your own votes.
- Settings were chosen by leaving out one set at a time, some of which shared prompts, none by a score on the battles
  below. Changes that came after these had been scored: ties are weighed by language too, because of the Chinese
  battles; the temperature is fitted, as above, where it had been set to 0.9; families are made of the sets that share
  prompts."""


def _held_out(fitted: FittedStarter) -> str:
    rows, source = fitted.rows, fitted.battles["source"].to_numpy(dtype=str)
    lines = []
    for number in np.unique(rows.family):
        inside = rows.family == number
        decided = inside & (rows.outcome < 2)
        said, outcome, weight = fitted.held_out[decided, :2], rows.outcome[decided], rows.weight[decided]
        right = np.average(metrics.hits(said, outcome), weights=weight)
        loss = metrics.log_loss(said / said.sum(axis=1, keepdims=True), outcome, weight)
        sets = ", ".join(np.unique(source[rows.battle[inside]]))
        lines.append([sets, f"{len(np.unique(rows.battle[inside])):,}", f"{right:.3f}", f"{loss:.4f}"])
    return f"""## On its own sets, each family of sets left out

{table(["sets left out", "rows", "winner found, ties aside", "two-class log loss (chance 0.6931)"], lines)}"""


def _unseen(unseen: Sequence[Scored]) -> str:
    rows = []
    for each in unseen:
        if not each.battles:
            rows.append([each.name, *(["0", f"{each.known:,}"] if each.known else ["not there", ""]), *[""] * 6])
            continue
        s = each.scores
        loss = _with_ends(s, 4)
        numbers = (s["accuracy"], s["win_rate"], s["ece"])
        cells = ["-" if number is None else f"{number:.3f}" for number in numbers]
        rows.append([each.name, f"{each.battles:,}", f"{each.known:,}", loss, f"{each.prior_log_loss:.4f}", *cells])
    head = [
        "battles",
        "rows",
        "left out",
        "log loss (95 %)",
        "their own class shares",
        "accuracy",
        "winner found",
        "ECE",
    ]
    return f"""## On battles it never saw

{table(head, rows)}

Left out: rows whose prompt is among those learnt from. Log loss in nats, three classes, every vote alike; uniform is
1.0986. Their own class shares are a rival that knows what nobody knows before the votes. ECE: expected calibration
error of the most probable outcome, 15 bins."""


def _by_parts(scored: Scored) -> str:
    blocks = [f"### {scored.name}, by parts"]
    for way, rows in scored.parts.items():
        lines = [
            [
                row["label"].replace("|", "/"),
                f"{row['battles']:,}",
                _with_ends(row, 3),
                f"{row['prior_log_loss']:.3f}",
                f"{row['accuracy']:.3f}",
            ]
            for row in rows
        ]
        blocks.append(table([way, "rows", "log loss (95 %)", "class shares", "accuracy"], lines))
    return "\n\n".join(blocks)


def _with_ends(scored: Mapping[str, float | None], decimals: int) -> str:
    """Return a log loss with its interval, where there is one."""
    loss, *ends = (scored[name] for name in ("log_loss", "low", "high"))
    return f"{loss:.{decimals}f}" + ("" if None in ends else " ({:.{d}f} to {:.{d}f})".format(*ends, d=decimals))


def _limits() -> str:
    return """## What it must not be used for

- To say which answer is right, true or safe. It learnt what people preferred, from how answers look.
- To rank models for publication, to pay or judge people, or to decide anything of weight about a person.
- To train a model towards its verdicts without a check by people: long, tidy answers please it.
- To judge other languages as if it knew them: nearly all it learnt from is English. In Chinese it goes by length,
  structure and overlap; the tables by script say how far that takes it.
- Its votes are of 2022 to 2024; answers of newer models differ less, and in other ways.

Its voters were annotators, authors of papers and visitors of arenas: not yours. With 100 votes or more of your own, set
`stack.prior: starter` and learn from both."""
