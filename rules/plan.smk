"""Decide what a release must hold of each bucket, against the release before.

in:   releases/{release}/metadata/snapshot.json, and what became of each post in the release before
out:  releases/{release}/receipts/plan/{bucket}.jsonl.gz
"""


rule plan_bucket:
    """Decide for each post of a bucket: new, replaced, unchanged, gone or excluded."""
    input:
        snapshot="releases/{release}/metadata/snapshot.json",
        settings="releases/{release}/settings/plan.json",
        withdrawals="releases/{release}/settings/withdrawals.json",
        exclude="releases/{release}/settings/exclude.json",
        previous=receipt_before("checksum"),
        originals=receipt_before("optimise"),
    output:
        receipt="releases/{release}/receipts/plan/{bucket}.jsonl.gz",
    log:
        "releases/{release}/logs/plan_bucket/{bucket}.log",
    conda:
        "../envs/release.yaml"
    params:
        buckets=lookup("buckets", within=config),
        lists=HASH_LISTS,
    script:
        "../scripts/plan_bucket.py"
