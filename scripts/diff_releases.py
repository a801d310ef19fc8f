"""Compare the metadata of two releases."""

from pathlib import Path

from booru_release import differences, jobs

with jobs.logged(snakemake.log):
    names = (snakemake.wildcards.before, snakemake.wildcards.after)
    difference = differences.diff_releases(
        Path(snakemake.input.before).parent,
        Path(snakemake.input.after).parent,
        names=names,
        ends=tuple(snakemake.params.releases[name]["last_upload"] for name in names),
        buckets=snakemake.params.buckets,
    )
    differences.write_difference(
        difference, Path(snakemake.output.report), Path(snakemake.output.text)
    )
