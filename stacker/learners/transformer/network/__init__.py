"""The network: encoder layers, adapters, heads, the input's structure, its stored hidden states."""
