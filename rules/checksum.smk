"""Hash what is new, say what became of every post, and sum it up.

in:   releases/{release}/receipts/{plan,download,optimise,rescale/*}/{bucket}.jsonl.gz
out:  releases/{release}/receipts/checksum/{bucket}.jsonl.gz
      releases/{release}/{manifest.parquet,accounts.json,SHA256SUMS}
"""


rule checksum_bucket:
    """Hash a bucket's new files, and say what became of each of its posts."""
    input:
        plan="releases/{release}/receipts/plan/{bucket}.jsonl.gz",
        downloads="releases/{release}/receipts/download/{bucket}.jsonl.gz",
        originals="releases/{release}/receipts/optimise/{bucket}.jsonl.gz",
        subsets=expand(
            "releases/{{release}}/receipts/rescale/{subset}/{{bucket}}.jsonl.gz", subset=SUBSETS
        ),
    output:
        receipt="releases/{release}/receipts/checksum/{bucket}.jsonl.gz",
    log:
        "releases/{release}/logs/checksum_bucket/{bucket}.log",
    priority: 4
    conda:
        "../envs/release.yaml"
    params:
        subsets=SUBSETS,
    script:
        "../scripts/checksum_bucket.py"


rule merge_manifest:
    """Write the manifest and the accounts: every ID in one state, and the sum right."""
    input:
        snapshot="releases/{release}/metadata/snapshot.json",
        receipts=expand("releases/{{release}}/receipts/checksum/{bucket}.jsonl.gz", bucket=BUCKETS),
    output:
        manifest="releases/{release}/manifest.parquet",
        accounts="releases/{release}/accounts.json",
        figures="releases/{release}/report/figures.json",
    log:
        "releases/{release}/logs/merge_manifest/merge.log",
    conda:
        "../envs/release.yaml"
    params:
        buckets=lookup("buckets", within=config),
    script:
        "../scripts/merge_manifest.py"


rule write_sums:
    """Write SHA256SUMS of all that the stage will hold."""
    input:
        manifest="releases/{release}/manifest.parquet",
        torrents="releases/{release}/torrents.json",
        subsets=expand("releases/{{release}}/subsets/{subset}.parquet", subset=SUBSETS),
    output:
        sums="releases/{release}/SHA256SUMS",
    log:
        "releases/{release}/logs/write_sums/sums.log",
    conda:
        "../envs/release.yaml"
    params:
        earlier=releases_before,
        subsets=SUBSETS,
        buckets=lookup("buckets", within=config),
    script:
        "../scripts/write_sums.py"
