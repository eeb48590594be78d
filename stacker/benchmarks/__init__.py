"""What `python -m stacker.bench` measures, and the plain way to the same that it measures against."""
