"""The page of the judge, and of learning from votes."""
