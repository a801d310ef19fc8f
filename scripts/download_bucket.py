"""Fetch a bucket's new files."""

from functools import partial
from pathlib import Path

from booru_release import downloading, jobs, planning, sources
from booru_release.configuration import Source
from booru_release.library import Library

with jobs.logged(snakemake.log):
    previous = snakemake.input.previous
    release, bucket = snakemake.wildcards.release, snakemake.wildcards.bucket
    downloading.download_bucket(
        Path(snakemake.input.plan),
        bucket,
        library=Library(Path("releases/library")),
        journal=Path("releases", release, "journal", "download", f"{bucket}.jsonl"),
        open_site=partial(
            sources.open_site,
            Source.of(snakemake.params.source),
            release=release,
            as_of=snakemake.params.last_upload,
            folder=Path("releases"),
        ),
        plan_again=partial(
            planning.plan_again,
            settings=Path(snakemake.input.settings),
            previous=Path(previous) if previous else None,
        ),
        accept_failed=snakemake.params.accept_failed is not None,
        receipt=Path(snakemake.output.receipt),
    )
