"""The network: encoder layers, heads, the structure of the input, batches that fit in memory, kept hidden states."""
