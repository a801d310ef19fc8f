"""List every active torrent, those of earlier years included."""

from pathlib import Path

from booru_release import jobs, staging, torrents

with jobs.logged(snakemake.log):
    tree = staging.Tree(
        Path("releases"),
        snakemake.wildcards.release,
        earlier=tuple(snakemake.params.earlier),
        buckets=snakemake.params.buckets,
        subsets=tuple(snakemake.params.subsets),
    )
    torrents.save_facts(Path(snakemake.output.table), tree.active_torrents())
