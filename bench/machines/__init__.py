"""Measure a run on many machines: its groups are spread over the workers of a Dask cluster."""
