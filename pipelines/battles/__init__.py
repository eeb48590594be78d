"""The table of battles and its checks, outcomes, folds, families of sets, sources, and the built-in battles."""
