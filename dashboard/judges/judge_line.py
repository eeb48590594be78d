"""The line that stands on every page: which judge is in use, and what it was trained on."""

from dashboard.judges.judge_service import JudgeService, LoadedJudge
from dashboard.texts import Texts
from pipelines.terminal.unseen_signs import one_line
from stacker.judge.provenance import Provenance

LONGEST_NAME = 80
"""Characters of a folder's name that are shown."""


def judge_line(judges: JudgeService, say: Texts) -> tuple[str, bool]:
    """Return the line in a person's language, and whether it is a warning: no judge, or one of made-up battles."""
    loaded = judges.current
    if judges.state == "failed":
        return say("judge.failed", reason=judges.fault), True
    if loaded is None:
        return (say("judge.loading"), False) if judges.state == "loading" else (say("judge.none"), True)
    made_up = loaded.provenance.kind == "built-in"
    starter = judges.starter is not None and loaded.run.judge == judges.starter
    name = say("judge.starter") if starter else one_line(loaded.run.name, LONGEST_NAME)
    beware = say("judge.beware") if made_up else ""
    date = _date(loaded, starter, say)
    return say("judge.line", name=name, trained=trained(loaded.provenance, say), date=date, beware=beware), made_up


def trained(provenance: Provenance, say: Texts) -> str:
    """Return what a judge was trained on, in a person's language."""
    count = say("judge.some") if provenance.battles is None else f"{provenance.battles:,}"
    names, more = provenance.named_sources()
    sources = ""
    if names and provenance.kind == "votes":
        listed = say("judge.between").join(names)
        sources = say("judge.sources_more" if more else "judge.sources", names=listed, more=more)
    return say(f"judge.{provenance.kind}", count=count, sources=sources)


def _date(loaded: LoadedJudge, starter: bool, say: Texts) -> str:
    if loaded.provenance.date:
        return say("judge.trained_on_day", date=loaded.provenance.date)
    # A file's date tells when it came here; that of the install says nothing about the starter.
    return "" if starter else say("judge.saved_on_day", date=loaded.run.written.date().isoformat())
