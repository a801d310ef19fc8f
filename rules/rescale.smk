"""Make the resized images of a subset, one job a bucket, and the table of them all.

in:   releases/{release}/receipts/optimise/{bucket}.jsonl.gz
out:  releases/{release}/receipts/rescale/{subset}/{bucket}.jsonl.gz   cargo: releases/library/subsets/
      releases/{release}/subsets/{subset}.parquet
"""


rule rescale_bucket:
    """Make a bucket's images of a subset that the release before does not have."""
    input:
        plan="releases/{release}/receipts/plan/{bucket}.jsonl.gz",
        originals="releases/{release}/receipts/optimise/{bucket}.jsonl.gz",
        settings="releases/{release}/settings/rescale/{subset}.json",
        previous=subset_before,
    output:
        receipt="releases/{release}/receipts/rescale/{subset}/{bucket}.jsonl.gz",
    log:
        "releases/{release}/logs/rescale_bucket/{subset}/{bucket}.log",
    priority: 3
    conda:
        "../envs/images.yaml"
    script:
        "../scripts/rescale_bucket.py"


rule list_subset:
    """Write the table of a subset's images."""
    input:
        receipts=expand(
            "releases/{{release}}/receipts/rescale/{{subset}}/{bucket}.jsonl.gz", bucket=BUCKETS
        ),
    output:
        table="releases/{release}/subsets/{subset}.parquet",
    log:
        "releases/{release}/logs/list_subset/{subset}.log",
    conda:
        "../envs/release.yaml"
    params:
        buckets=lookup("buckets", within=config),
    script:
        "../scripts/list_subset.py"
