"""The linear learner, exactly antisymmetric in the sides."""
