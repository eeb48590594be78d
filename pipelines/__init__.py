"""Data in and out: battles, sources, folds, submission."""

from pipelines.terminal.machine import wait_passively

wait_passively()  # before any library that has threads: every other package of this project imports this one
