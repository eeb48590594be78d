"""Metrics, their intervals, strengths of models, and the table of a run's scores."""
