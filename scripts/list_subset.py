"""Write the table of a subset's images."""

from pathlib import Path

from booru_release import jobs, manifest

with jobs.logged(snakemake.log):
    derived = manifest.derived_of(
        Path(snakemake.input.receipts[0]).parent, snakemake.params.buckets
    )
    manifest.write_table(
        Path(snakemake.output.table), map(manifest.subset_row, derived), manifest.SUBSET
    )
