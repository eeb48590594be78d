"""The linear learner on pair features and the sparse one on texts: logistic regressions, antisymmetric in the sides."""
