"""Write SHA256SUMS of all that the stage will hold."""

from pathlib import Path

from booru_release import jobs, staging

with jobs.logged(snakemake.log):
    tree = staging.Tree(
        Path("releases"),
        snakemake.wildcards.release,
        earlier=tuple(snakemake.params.earlier),
        buckets=snakemake.params.buckets,
        subsets=tuple(snakemake.params.subsets),
    )
    staging.write_sums(tree, Path(snakemake.output.sums))
