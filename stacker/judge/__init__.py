"""The judge: loading, saving, verdicts, rankings of answers, and why."""
