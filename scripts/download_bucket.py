"""Fetch a bucket's new files."""

from functools import partial
from pathlib import Path

from booru_release import downloading, jobs, planning, sources
from booru_release.configuration import Source
from booru_release.library import Library
from booru_release.screening import Screening

with jobs.logged(snakemake.log):
    given, params, of = snakemake.input, snakemake.params, snakemake.wildcards
    releases, release = Path("releases"), Path("releases", of.release)
    rules, lists = Path(given.exclude), Path(params.lists)
    limits = {"bucket": of.bucket, "max_pixels": params.max_pixels}
    screening = Screening.of(rules, lists, release=release, **limits)
    site = {"release": of.release, "as_of": params.last_upload, "folder": releases}
    downloading.download_bucket(
        Path(given.plan),
        of.bucket,
        library=Library(releases / "library"),
        journal=release / "journal" / "download" / f"{of.bucket}.jsonl",
        open_site=partial(sources.open_site, Source.of(params.source), **site),
        plan_again=partial(
            planning.plan_again,
            settings=Path(given.settings),
            snapshot=release / "metadata" / "snapshot.json",
            exclusions=screening.exclusions,
            previous=Path(given.previous) if given.previous else None,
        ),
        accept_failed=params.accept_failed is not None,
        screening=screening,
        receipt=Path(snakemake.output.receipt),
    )
