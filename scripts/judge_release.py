"""Refuse a release that lost posts, unless its configuration says why."""

from pathlib import Path

from booru_release import gates, jobs
from booru_release.files import read_json

with jobs.logged(snakemake.log):
    now, *before = [
        gates.Release(name, Path("releases", name))
        for name in [snakemake.wildcards.release, *snakemake.params.earlier[-1:]]
    ]
    gates.judge_release(
        now,
        *before,
        folders=snakemake.params.folders,
        buckets=snakemake.params.buckets,
        accept=read_json(Path(snakemake.input.settings))["accept"],
        report=Path(snakemake.output.report),
    )
