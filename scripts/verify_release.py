"""Hold every file of a stage against its checksum."""

from pathlib import Path

from booru_release import jobs, verification, withdrawals

with jobs.logged(snakemake.log):
    verification.verify_release(
        Path(snakemake.params.folder),
        snakemake.params.release,
        threads=snakemake.threads,
        withdrawn=withdrawals.withdrawn_ids(Path(snakemake.params.withdrawals)),
    )
