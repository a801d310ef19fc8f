"""Make a bucket's new files smaller, with every pixel proved equal."""

from pathlib import Path

from booru_release import jobs, optimising
from booru_release.files import read_json
from booru_release.library import Library

with jobs.logged(snakemake.log):
    previous = snakemake.input.previous
    optimising.optimise_bucket(
        Path(snakemake.input.plan),
        Path(snakemake.input.downloads),
        previous=Path(previous) if previous else None,
        step=optimising.Step(
            snakemake.wildcards.bucket,
            Library(Path("releases/library")),
            snakemake.wildcards.release,
            optimising.Effort(**read_json(Path(snakemake.input.settings))),
        ),
        receipt=Path(snakemake.output.receipt),
    )
