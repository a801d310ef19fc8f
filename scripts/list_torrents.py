"""List every active torrent, those of earlier years included."""

from pathlib import Path

from booru_release import jobs, staging, torrents, withdrawing

with jobs.logged(snakemake.log):
    tree = staging.Tree(
        Path("releases"),
        snakemake.wildcards.release,
        earlier=tuple(snakemake.params.earlier),
        buckets=snakemake.params.buckets,
        subsets=tuple(snakemake.params.subsets),
    )
    withdrawing.refuse_still_served(tree.releases, tree.release, tree.earlier)
    torrents.save_facts(Path(snakemake.output.table), tree.active_torrents())
