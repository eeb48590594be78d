"""The learner on counts of letter sequences."""
