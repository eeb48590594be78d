"""The report of a run: what is worked out of its predictions (JSON values), and the page that shows it."""
