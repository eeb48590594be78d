"""Tuning: Optuna studies over what params.yaml says, that outlive a kill and end in parameters to use."""
