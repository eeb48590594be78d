"""Learners, the stack, the judge and the commands that run them."""
