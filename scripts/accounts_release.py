"""Tell what became of each post of a release, beside the release before."""

from pathlib import Path

from booru_release import accounts_table, jobs

with jobs.logged(snakemake.log):
    accounts_table.tell_accounts(
        Path("releases"),
        snakemake.params.release,
        snakemake.params.before,
        buckets=snakemake.params.buckets,
        output=Path("releases", snakemake.params.release, "report", "accounts.txt"),
    )
