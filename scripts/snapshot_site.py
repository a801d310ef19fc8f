"""Read the site's metadata for one release."""

from functools import partial
from pathlib import Path

from booru_release import jobs, snapshot, sources, withdrawn
from booru_release.configuration import Source
from booru_release.files import read_json

with jobs.logged(snakemake.log):
    snapshot.snapshot_site(
        partial(sources.open_site, Source.of(snakemake.params.source), folder=Path("releases")),
        settings=read_json(Path(snakemake.input.settings)),
        release=snakemake.wildcards.release,
        receipt=Path(snakemake.output.snapshot),
        redaction=withdrawn.redaction_of(
            Path("releases"), read_json(Path(snakemake.input.withdrawals))
        ),
    )
