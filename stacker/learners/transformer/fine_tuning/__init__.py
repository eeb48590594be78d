"""Training the network: batches that fit in memory, losses, schedule, checkpoints."""
