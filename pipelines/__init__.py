"""Data in and out: battles, sources, folds, submission."""

import logging

from pipelines.terminal.machine import wait_passively

# Where this extra is installed, transformers loads it whatever it is asked for, and it tells of a missing kernel.
logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
wait_passively()  # before any library that has threads: every other package of this project imports this one
