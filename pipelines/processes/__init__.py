"""Work in processes of its own: bounded, asked by lines, or alone on a folder."""
