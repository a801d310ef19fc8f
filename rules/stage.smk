"""Build the tree that is served, switch it in by one rename, hand it to rsync if asked.

in:   releases/{release}/SHA256SUMS and what it names
out:  releases/{release}/release.json       comes last; the stage is there before it
      releases/{finished}/receipts/publish.json
"""


rule finish_release:
    """Build the stage beside the one that is served, switch, and call the release finished."""
    input:
        sums="releases/{release}/SHA256SUMS",
        settings="releases/{release}/settings/release.json",
        gates="releases/{release}/report/gates.json",
        difference=difference_to_before,
        before=release_before,
        made=all_that_was_made,
    output:
        release="releases/{release}/release.json",
    log:
        "releases/{release}/logs/finish_release/finish.log",
    conda:
        "../envs/torrent.yaml"
    params:
        name=lookup("name", within=config),
        earlier=releases_before,
        subsets=SUBSETS,
        buckets=lookup("buckets", within=config),
    script:
        "../scripts/finish_release.py"


rule publish_release:
    """Hand a finished release to rsync: images first, the indexes that name them after."""
    input:
        release="releases/{finished}/release.json",
        settings="releases/{finished}/settings/publish.json",
        feed=feed_of_withdrawals,
    output:
        receipt="releases/{finished}/receipts/publish.json",
    log:
        "releases/{finished}/logs/publish_release/publish.log",
    conda:
        "../envs/publish.yaml"
    params:
        stage="releases/{finished}/stage/",
        target=publish_target,
        unchanged=published_before,
    shell:
        r"""
        exec &> >(tee {log:q})

        rsync --archive --mkpath --partial-dir=.partial \
            {params.unchanged:q} \
            --exclude=/release.json --exclude=/SHA256SUMS --exclude=/manifest.parquet \
            {params.stage:q} {params.target:q}

        rsync --archive --delete-after \
            {params.unchanged:q} \
            {params.stage:q} {params.target:q}

        cp {input.settings:q} {output.receipt:q}
        """
