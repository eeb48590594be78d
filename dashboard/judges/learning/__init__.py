"""Learning from one's own votes: a run beside the server, and what came of it on votes it did not learn from."""
