"""Build the stage, switch to it, and call the release finished."""

from pathlib import Path

from booru_release import finishing, jobs, staging
from booru_release.files import read_json

with jobs.logged(snakemake.log):
    tree = staging.Tree(
        Path("releases"),
        snakemake.wildcards.release,
        earlier=tuple(snakemake.params.earlier),
        buckets=snakemake.params.buckets,
        subsets=tuple(snakemake.params.subsets),
    )
    finishing.finish_release(
        tree,
        name=snakemake.params.name,
        difference=Path(snakemake.input.difference) if snakemake.input.difference else None,
        settings=read_json(Path(snakemake.input.settings)),
        accepted=read_json(Path(snakemake.input.gates))["accepted"],
        output=Path(snakemake.output.release),
    )
