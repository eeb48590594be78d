"""Data in and out: battles, sources, folds, submission."""
