"""Decide for each post of a bucket what the release must hold."""

from pathlib import Path

from booru_release import jobs, planning
from booru_release.files import read_json

with jobs.logged(snakemake.log):
    previous = snakemake.input.previous
    planning.plan_bucket(
        Path(snakemake.input.snapshot).parent,
        snakemake.wildcards.bucket,
        previous=Path(previous) if previous else None,
        rules=planning.Rules.of(read_json(Path(snakemake.input.settings))),
        receipt=Path(snakemake.output.receipt),
    )
