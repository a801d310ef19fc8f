"""Decide for each post of a bucket what the release must hold."""

from pathlib import Path

from booru_release import jobs, planning, settings
from booru_release.files import read_json

with jobs.logged(snakemake.log):
    previous, bucket = snakemake.input.previous, snakemake.wildcards.bucket
    withdrawn = settings.withdrawn_in(
        Path(snakemake.input.withdrawals), bucket, snakemake.params.buckets
    )
    planning.plan_bucket(
        Path(snakemake.input.snapshot).parent,
        bucket,
        previous=Path(previous) if previous else None,
        rules=planning.Rules.of(read_json(Path(snakemake.input.settings)), withdrawn),
        receipt=Path(snakemake.output.receipt),
    )
