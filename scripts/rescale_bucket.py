"""Make a bucket's images of a subset."""

from pathlib import Path

from booru_release import jobs, rescaling
from booru_release.files import read_json
from booru_release.library import Library

with jobs.logged(snakemake.log):
    previous = snakemake.input.previous
    rescaling.rescale_bucket(
        Path(snakemake.input.plan),
        Path(snakemake.input.originals),
        previous=Path(previous) if previous else None,
        step=rescaling.Step(
            snakemake.wildcards.bucket,
            Library(Path("releases/library")),
            snakemake.wildcards.release,
            rescaling.Look.of(read_json(Path(snakemake.input.settings))),
        ),
        receipt=Path(snakemake.output.receipt),
    )
