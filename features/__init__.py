"""Numbers from texts: blocks, the pair builder and the cache."""

import pipelines as pipelines  # first of all: it tells libraries how their threads wait
