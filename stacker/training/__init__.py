"""From battles to a judge: the data set of a run, cross-fitting, fits on disk, the estimator, the parameters."""
