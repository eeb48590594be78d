"""`python -m pipelines.kaggle` makes of a run what Kaggle's competition accepts, without network."""
