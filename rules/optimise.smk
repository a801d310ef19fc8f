"""Re-encode the originals without loss, one job a bucket.

in:   releases/{release}/receipts/download/{bucket}.jsonl.gz
out:  releases/{release}/receipts/optimise/{bucket}.jsonl.gz   cargo: releases/library/original/
"""


rule optimise_bucket:
    """Make a bucket's new JPEG and PNG files smaller, with every pixel proved equal."""
    input:
        plan="releases/{release}/receipts/plan/{bucket}.jsonl.gz",
        downloads="releases/{release}/receipts/download/{bucket}.jsonl.gz",
        settings="releases/{release}/settings/optimise.json",
        previous=receipt_before("optimise"),
    output:
        receipt="releases/{release}/receipts/optimise/{bucket}.jsonl.gz",
    log:
        "releases/{release}/logs/optimise_bucket/{bucket}.log",
    priority: 2
    conda:
        "../envs/images.yaml"
    script:
        "../scripts/optimise_bucket.py"
