"""Files that are written whole or not at all, and files of strangers that are checked before they are read."""
