"""Answers that rules need and that only the configuration has: what was before, what goes where."""


def settled(before, path):
    """A file of the release before; its age is of no account unless this run opens that release."""
    return path if before in OPEN_RELEASES else ancient(path)


def release_before(wildcards):
    """The release before, which must be finished; none for the first."""
    before = configuration.previous_of(config, wildcards.release)
    return settled(before, f"releases/{before}/release.json") if before else []


def receipt_before(step):
    """The same bucket's receipt of the release before; none for the first."""

    def receipt(wildcards):
        before = configuration.previous_of(config, wildcards.release)
        path = f"releases/{before}/receipts/{step}/{wildcards.bucket}.jsonl.gz"
        return settled(before, path) if before else []

    return receipt


def subset_before(wildcards):
    """The same for a subset, which the release before may not have had."""
    before = configuration.previous_of(config, wildcards.release)
    if before in OPEN_RELEASES or before and settings.has_subset(FOLDER, before, wildcards.subset):
        return receipt_before(f"rescale/{wildcards.subset}")(wildcards)
    return []


def earlier_than(release):
    """The releases before one, earliest first."""
    return RELEASES[: RELEASES.index(release)]


def releases_before(wildcards):
    """The releases before the one that a job is for."""
    return earlier_than(wildcards.release)


def difference_to_before(wildcards):
    """The comparison with the release before, none for the first."""
    before = configuration.previous_of(config, wildcards.release)
    comparison = f"releases/{wildcards.release}/report/diff_{before}_{wildcards.release}.json"
    return comparison if before else []


def all_that_was_made(wildcards):
    """Whatever the steps of a release make on the way to its end.

    Snakemake misses no file between two that are there, whatever took it, be it a loss of power.
    The year after needs the receipts of this one.
    """
    steps = ["plan", "download", "optimise", "checksum", *(f"rescale/{name}" for name in SUBSETS)]
    own = ["metadata/snapshot.json", "manifest.parquet", "accounts.json", "report/figures.json"]
    own += [f"receipts/{step}/{bucket}.jsonl.gz" for step in steps for bucket in BUCKETS]
    own += [f"receipts/torrent/{images}.json" for images in ["original", "metadata", *SUBSETS]]
    own += ["torrents.json", *(f"subsets/{name}.parquet" for name in SUBSETS)]
    before = configuration.previous_of(config, wildcards.release)
    own += [f"report/diff_{before}_{wildcards.release}.txt"] if before else []
    return [f"releases/{wildcards.release}/{path}" for path in own]


def publish_target(wildcards):
    """The folder of a release at the destination."""
    return configuration.publish_target(config, wildcards.finished)


def published_before(wildcards):
    """Files that the release before has at the destination are linked there, not sent."""
    before = configuration.previous_of(config, wildcards.finished)
    is_there = before and Path("releases", before, "receipts", "publish.json").is_file()
    return [f"--link-dest=../{config['name']}{before}"] if is_there else []


def feed_of_withdrawals(wildcards):
    """The feed that every stage has from the first withdrawal on: a newer one is handed over."""
    return [*map(str, FOLDER.glob("feed/withdrawals.json"))]


def publish_receipt(release):
    """What publishing leaves behind, where a destination is configured."""
    return f"releases/{release}/receipts/publish.json" if config["staging"]["destination"] else []


def refuse_release(wildcards):
    """Say what is wrong with a target that is named as ours are, but for no known release."""
    unknown = [name for name in wildcards.unknown.split("_") if name not in RELEASES]
    raise settings.UnknownRelease(", ".join(unknown) or wildcards.unknown, RELEASES)


def table_of(subset, release, wildcards):
    """The table of a subset's images, unless the release was finished without it."""
    if release not in OPEN_RELEASES and not settings.has_subset(FOLDER, release, subset):
        raise settings.FinishedRelease(release, subset)
    return f"releases/{release}/subsets/{subset}.parquet"
