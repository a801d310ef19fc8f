"""Make the torrents of a set of images that the release is the first to publish."""

from pathlib import Path

from booru_release import distribution, jobs
from booru_release.files import read_json

with jobs.logged(snakemake.log):
    release, images = snakemake.wildcards.release, snakemake.wildcards.images
    contents = distribution.image_contents(
        Path(snakemake.params.receipts),
        Path("releases/library"),
        release=release,
        set=images,
        buckets=snakemake.params.buckets,
    )
    distribution.make_torrents(
        contents,
        set=images,
        release=release,
        announcement=distribution.Announcement.of(read_json(Path(snakemake.input.settings))),
        receipt=Path(snakemake.output.receipt),
        threads=snakemake.threads,
    )
