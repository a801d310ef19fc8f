"""Put right what verify names."""

from pathlib import Path

from booru_release import jobs, repair

with jobs.logged(snakemake.log):
    repair.repair_release(
        repair.workshop_of(
            Path("releases"),
            snakemake.params.release,
            earlier=tuple(snakemake.params.earlier),
            source=snakemake.params.source,
            threads=snakemake.threads,
        )
    )
