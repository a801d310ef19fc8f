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
        # All that the steps made is asked for: Snakemake misses no file between two that are there,
        # whatever took it, and the year after needs the receipts of this one.
        accounts="releases/{release}/accounts.json",
        figures="releases/{release}/report/figures.json",
        difference=difference_to_before("json"),
        difference_text=difference_to_before("txt"),
        before=release_before,
        receipts=expand(
            "releases/{{release}}/receipts/{step}/{bucket}.jsonl.gz",
            step=["plan", "download", "optimise", *(f"rescale/{subset}" for subset in SUBSETS)],
            bucket=BUCKETS,
        ),
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
