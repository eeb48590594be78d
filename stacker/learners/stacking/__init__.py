"""The level-1 model over out-of-fold probabilities, its temperature, and how a saved one is written down."""
