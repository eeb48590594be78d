"""Which judge is in use, and learning a new one from votes."""
