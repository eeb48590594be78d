"""Models on this disk: `python -m pipelines.models` fetches, lists and checks them; loading never fetches."""
