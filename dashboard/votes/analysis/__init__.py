"""What the votes say: pure functions over frames of votes and of out-of-fold probabilities."""
