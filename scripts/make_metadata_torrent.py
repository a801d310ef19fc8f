"""Make the torrent of a release's metadata."""

from pathlib import Path

from booru_release import distribution, jobs
from booru_release.files import read_json

with jobs.logged(snakemake.log):
    release = snakemake.wildcards.release
    distribution.make_torrents(
        distribution.metadata_contents(Path(snakemake.input.snapshot).parent, release),
        set=distribution.METADATA,
        release=release,
        announcement=distribution.Announcement.of(read_json(Path(snakemake.input.settings))),
        receipt=Path(snakemake.output.receipt),
        threads=snakemake.threads,
    )
