"""Untrusted texts as HTML: drawn in processes of their own, within bounds of time and memory, nothing hidden unsaid."""
