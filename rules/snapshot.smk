"""Read the site's metadata for one release, once; it is frozen from then on.

in:   releases/{release}/settings/snapshot.json   releases/{release}/settings/withdrawals.json
out:  releases/{release}/metadata/snapshot.json        beside it the tables, and posts/ by bucket
"""


rule snapshot_site:
    """Read the site's metadata for one release."""
    input:
        settings="releases/{release}/settings/snapshot.json",
        withdrawals="releases/{release}/settings/withdrawals.json",
    output:
        snapshot="releases/{release}/metadata/snapshot.json",
    log:
        "releases/{release}/logs/snapshot_site/snapshot.log",
    conda:
        "../envs/release.yaml"
    resources:
        connections=1,
    params:
        source=SOURCE,
    script:
        "../scripts/snapshot_site.py"
