"""Answers that rules need and that only the configuration has: what was before, what goes where."""


def release_before(wildcards):
    """The release before must be finished; what became of it later is of no account."""
    before = configuration.previous_of(config, wildcards.release)
    return ancient(f"releases/{before}/release.json") if before else []


def receipt_before(step):
    """The same bucket's receipt of the release before, or None for the first release."""

    def receipt(wildcards):
        before = configuration.previous_of(config, wildcards.release)
        receipts = f"releases/{before}/receipts/{step}".format(**wildcards)
        return f"{receipts}/{wildcards.bucket}.jsonl.gz" if before else None

    return receipt


def releases_before(wildcards):
    """The releases before one, earliest first."""
    return RELEASES[: RELEASES.index(wildcards.release)]


def difference_to_before(wildcards):
    """The comparison with the release before, none for the first."""
    before = configuration.previous_of(config, wildcards.release)
    comparison = f"releases/{wildcards.release}/report/diff_{before}_{wildcards.release}.json"
    return comparison if before else []


def publish_target(wildcards):
    """The folder of a release at the destination."""
    return configuration.publish_target(config, wildcards.finished)


def published_before(wildcards):
    """Files that the release before has at the destination are linked there, not sent."""
    before = configuration.previous_of(config, wildcards.finished)
    return [f"--link-dest=../{config['name']}{before}"] if before else []


def publish_receipt(release):
    """What publishing leaves behind, where a destination is configured."""
    return f"releases/{release}/receipts/publish.json" if config["staging"]["destination"] else []


def refuse_release(wildcards):
    """Say what is wrong with a target that is named as ours are, but for no known release."""
    raise settings.UnknownRelease(wildcards.unknown, RELEASES)
