"""Write the manifest, the accounts and the figures of a release."""

from pathlib import Path

from booru_release import jobs, merging

with jobs.logged(snakemake.log):
    merging.merge_manifest(
        Path(snakemake.input.receipts[0]).parent,
        Path(snakemake.input.snapshot).parent,
        release=snakemake.wildcards.release,
        buckets=snakemake.params.buckets,
        manifest=Path(snakemake.output.manifest),
        accounts=Path(snakemake.output.accounts),
        figures=Path(snakemake.output.figures),
    )
