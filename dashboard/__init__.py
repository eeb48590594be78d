"""The page where people ask, read, vote and compare."""

import pipelines as pipelines  # first of all: it tells libraries how their threads wait
