"""Yearly releases of a booru as a dataset: what is where.

snakemake --list names every target; config/README.md explains every key.
"""

from snakemake.utils import min_version

min_version("9.0")


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
