"""What the report tells: each file computes one of its sections."""
