"""Make torrents of what a release is the first to publish; those of earlier years stay.

in:   releases/{release}/receipts/checksum/{bucket}.jsonl.gz   releases/{release}/metadata/snapshot.json
out:  releases/{release}/receipts/torrent/{images}.json        cargo: releases/{release}/torrents/
      releases/{release}/torrents.json
"""


rule make_image_torrents:
    """Make the torrents of a release's new originals, or of a subset's new images."""
    input:
        manifest="releases/{release}/manifest.parquet",
        settings="releases/{release}/settings/torrent.json",
    output:
        receipt="releases/{release}/receipts/torrent/{images}.json",
    log:
        "releases/{release}/logs/make_image_torrents/{images}.log",
    conda:
        "../envs/torrent.yaml"
    params:
        receipts="releases/{release}/receipts/checksum",
        buckets=lookup("buckets", within=config),
    script:
        "../scripts/make_image_torrents.py"


rule make_metadata_torrent:
    """Make the torrent of a release's metadata."""
    input:
        snapshot="releases/{release}/metadata/snapshot.json",
        settings="releases/{release}/settings/torrent.json",
    output:
        receipt="releases/{release}/receipts/torrent/metadata.json",
    log:
        "releases/{release}/logs/make_metadata_torrent/torrent.log",
    conda:
        "../envs/torrent.yaml"
    script:
        "../scripts/make_metadata_torrent.py"


rule list_torrents:
    """List every active torrent, those of earlier years included."""
    input:
        receipts=expand(
            "releases/{{release}}/receipts/torrent/{set}.json",
            set=["original", "metadata", *SUBSETS],
        ),
        before=release_before,
    output:
        table="releases/{release}/torrents.json",
    log:
        "releases/{release}/logs/list_torrents/list.log",
    conda:
        "../envs/torrent.yaml"
    params:
        earlier=releases_before,
        subsets=SUBSETS,
        buckets=lookup("buckets", within=config),
    script:
        "../scripts/list_torrents.py"
