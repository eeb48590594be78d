"""Quick twins of library functions, which are the oracle in their tests."""
