"""Decide for each post of a bucket what the release must hold."""

from pathlib import Path

from booru_release import jobs, planning, settings
from booru_release.exclusions import Exclusions
from booru_release.files import read_json
from booru_release.metadata import read_snapshot

with jobs.logged(snakemake.log):
    given, params, bucket = snakemake.input, snakemake.params, snakemake.wildcards.bucket
    planning.plan_bucket(
        Path(given.snapshot).parent,
        bucket,
        previous=Path(given.previous) if given.previous else None,
        originals=Path(given.originals) if given.originals else None,
        rules=planning.Rules.of(
            read_json(Path(given.settings)),
            read_snapshot(Path(given.snapshot)),
            Exclusions.of(read_json(Path(given.exclude)), Path(params.lists)),
            settings.withdrawn_in(Path(given.withdrawals), bucket, params.buckets),
        ),
        receipt=Path(snakemake.output.receipt),
    )
