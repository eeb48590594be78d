"""Blocks: each computes named numbers from one text or from one battle; the registry names them all."""
