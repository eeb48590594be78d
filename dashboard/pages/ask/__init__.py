"""The page of a typed question."""
