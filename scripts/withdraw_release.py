"""Issue finished releases anew without the posts that are withdrawn."""

from pathlib import Path

from booru_release import jobs, withdrawing

with jobs.logged(snakemake.log):
    withdrawing.withdraw_release(
        Path("releases"),
        snakemake.params.release,
        withdrawals=Path(snakemake.params.withdrawals),
        threads=snakemake.threads,
    )
