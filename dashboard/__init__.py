"""The page where people ask, read, vote and compare."""
