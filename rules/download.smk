"""Fetch the new files of a bucket, within the budget that all jobs share.

The steps of a bucket have rising priorities: one bucket is taken to its end before many are begun,
its files are still in memory then, and the scheduler has few ready inputs to weigh.

in:   releases/{release}/receipts/plan/{bucket}.jsonl.gz
      releases/{release}/settings/plan.json, and what became of each post in the release before:
      a post whose file the site has replaced meanwhile is planned once more
out:  releases/{release}/receipts/download/{bucket}.jsonl.gz   cargo: releases/library/incoming/
"""


rule download_bucket:
    """Fetch a bucket's new files; none enters the library with a wrong md5 or against a rule."""
    input:
        plan="releases/{release}/receipts/plan/{bucket}.jsonl.gz",
        settings="releases/{release}/settings/plan.json",
        previous=receipt_before("checksum"),
        exclude="releases/{release}/settings/exclude.json",
    output:
        receipt="releases/{release}/receipts/download/{bucket}.jsonl.gz",
    log:
        "releases/{release}/logs/download_bucket/{bucket}.log",
    priority: 1
    conda:
        "../envs/release.yaml"
    resources:
        connections=1,
    params:
        source=SOURCE,
        last_upload=lookup("releases/{release}/last_upload", within=config),
        accept_failed=lookup("releases/{release}/accept/failed", within=config, default=None),
        lists=HASH_LISTS,
        max_pixels=lookup("images/max_pixels", within=config),
    script:
        "../scripts/download_bucket.py"
