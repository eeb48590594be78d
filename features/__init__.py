"""Numbers from texts: blocks, the pair builder and the cache."""
