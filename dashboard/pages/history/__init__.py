"""The page of past votes."""
