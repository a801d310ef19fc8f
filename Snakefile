"""Yearly releases of a booru as a dataset: what is where.

snakemake --list names every target; config/README.md explains every key.
"""

from snakemake.utils import min_version

min_version("9.0")


# On a cluster, too: what talks to the site keeps one budget on one host, and what takes a moment
# is not worth a submission.
localrules:
    snapshot_site,
    plan_bucket,
    download_bucket,
    diff_releases,
    judge_release,
    list_subset,
    list_torrents,
    make_metadata_torrent,
    write_sums,
    finish_release,
    publish_release,


include: "rules/common.smk"
include: "rules/lookups.smk"
include: "rules/targets.smk"
include: "rules/snapshot.smk"
include: "rules/plan.smk"
include: "rules/diff.smk"
include: "rules/download.smk"
include: "rules/optimise.smk"
include: "rules/rescale.smk"
include: "rules/checksum.smk"
include: "rules/judge.smk"
include: "rules/torrent.smk"
include: "rules/stage.smk"
include: "rules/care.smk"
