"""The names that a person asks for, made from the configuration.

in:   the releases and subsets of the configuration
out:  release_2019  publish_2019  sfw_512px  sfw_512px_2018  diff_2018_2019
"""

for release in RELEASES:

    rule:
        """Build a whole release: images, subsets, metadata, checksums, torrents, stage."""
        name:
            f"release_{release}"
        default_target: release == RELEASES[-1]
        input:
            f"releases/{release}/release.json",
            publish_receipt(release),

    rule:
        """Hand a finished release to rsync, as staging.destination says."""
        name:
            f"publish_{release}"
        input:
            f"releases/{release}/receipts/publish.json",

    for subset in SUBSETS:

        rule:
            """Make only this subset's images, and their table; no torrent and no stage."""
            name:
                f"{subset}_{release}"
            input:
                partial(table_of, subset, release),

        if release == RELEASES[-1]:

            rule:
                """Make only this subset's images, of the newest release."""
                name:
                    subset
                input:
                    partial(table_of, subset, release),

    for later in RELEASES[RELEASES.index(release) + 1 :]:

        rule:
            """Tell what the later release adds, changes and drops, from metadata alone."""
            name:
                f"diff_{release}_{later}"
            input:
                f"releases/{later}/report/diff_{release}_{later}.json",


rule refuse_unknown_release:
    """Say which releases there are, when another one is asked for."""
    input:
        refuse_release,
    output:
        "{verb}_{unknown}",
    wildcard_constraints:
        verb="|".join(
            ["release", "publish", "verify", "repair", "withdraw", "accounts", "diff", *SUBSETS]
        ),
        unknown="[^/]+",
