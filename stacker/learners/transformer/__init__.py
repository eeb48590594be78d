"""The transformer branch: structured input, two heads, light fine-tuning and batch inference."""
