"""One person's rounds, without widgets: a typed question, or a file of battles."""
