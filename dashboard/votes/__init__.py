"""The store of votes and what is read from it."""
