"""Hash a bucket's new files, and say what became of each of its posts."""

from pathlib import Path

from booru_release import checksums, jobs
from booru_release.library import Library

with jobs.logged(snakemake.log):
    receipts = map(Path, snakemake.input.subsets)
    checksums.checksum_bucket(
        Path(snakemake.input.plan),
        Path(snakemake.input.downloads),
        Path(snakemake.input.originals),
        subsets=dict(zip(snakemake.params.subsets, receipts, strict=True)),
        bucket=snakemake.wildcards.bucket,
        release=snakemake.wildcards.release,
        library=Library(Path("releases/library")),
        receipt=Path(snakemake.output.receipt),
    )
