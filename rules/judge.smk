"""Hold a release against the one before and against itself, before anything of it is staged.

in:   releases/{release}/receipts/checksum/{bucket}.jsonl.gz   and those of the release before
out:  releases/{release}/report/gates.json       what was found, and why it was accepted
"""


rule judge_release:
    """Refuse a release with failed, lost, doubled or misplaced posts, unless it says why."""
    input:
        receipts=expand("releases/{{release}}/receipts/checksum/{bucket}.jsonl.gz", bucket=BUCKETS),
        settings="releases/{release}/settings/gates.json",
        before=release_before,
    output:
        report="releases/{release}/report/gates.json",
    log:
        "releases/{release}/logs/judge_release/judge.log",
    priority: 5
    conda:
        "../envs/release.yaml"
    params:
        earlier=releases_before,
        folders=settings.folders_of(config),
        buckets=lookup("buckets", within=config),
    script:
        "../scripts/judge_release.py"
