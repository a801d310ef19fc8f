"""Build reproducible yearly releases of a booru; knows nothing of Snakemake."""

__version__ = "0.1.0"
