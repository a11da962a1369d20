"""A run by the workers of a Dask cluster: the side that hands out, that of a worker, and what goes
between them."""
