"""A run on the workers of a Dask cluster: the side that submits jobs, the side of a worker, and
what they exchange."""
