"""Compare the snapshots of two releases; no image is needed.

in:   releases/{before}/metadata/snapshot.json   releases/{after}/metadata/snapshot.json
out:  releases/{after}/report/diff_{before}_{after}.json   and .txt
"""


rule diff_releases:
    """Compare the metadata of two releases."""
    input:
        before="releases/{before}/metadata/snapshot.json",
        after="releases/{after}/metadata/snapshot.json",
    output:
        report="releases/{after}/report/diff_{before}_{after}.json",
        text="releases/{after}/report/diff_{before}_{after}.txt",
    log:
        "releases/{after}/logs/diff_releases/{before}_{after}.log",
    conda:
        "../envs/release.yaml"
    params:
        releases=lookup("releases", within=config),
        buckets=lookup("buckets", within=config),
    script:
        "../scripts/diff_releases.py"
