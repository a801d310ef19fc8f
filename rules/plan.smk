"""Decide what a release must hold of each bucket, against the release before.

in:   releases/{release}/metadata/snapshot.json
out:  releases/{release}/receipts/plan/{bucket}.jsonl.gz
"""


rule plan_bucket:
    """Decide for each post of a bucket: new, replaced, unchanged, gone or excluded."""
    input:
        snapshot="releases/{release}/metadata/snapshot.json",
        settings="releases/{release}/settings/plan.json",
        before=release_before,
    output:
        receipt="releases/{release}/receipts/plan/{bucket}.jsonl.gz",
    log:
        "releases/{release}/logs/plan_bucket/{bucket}.log",
    conda:
        "../envs/release.yaml"
    params:
        previous=receipt_before("checksum"),
    script:
        "../scripts/plan_bucket.py"
