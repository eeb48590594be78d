"""Rows of files in each format, as a stream, and the battles that they hold."""
