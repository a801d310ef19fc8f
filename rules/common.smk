"""What every rule file shares: the configuration, the names in it, and the life of a run."""

import sys
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/scripts")

from booru_release import configuration, runs, settings

CONFIG_FOLDER = Path(workflow.basedir, "config")
FOLDER = Path("releases")

overrides = dict(config)
config.clear()
config.update(configuration.complete(CONFIG_FOLDER / "config.yaml", overrides))
configuration.check(config, CONFIG_FOLDER / "config.schema.yaml")

RELEASES = configuration.in_order(config)
OPEN_RELEASES = settings.open_releases(config, FOLDER)
BUCKETS = [f"{number:04d}" for number in range(config["buckets"])]
SUBSETS = sorted(config["subsets"])
SOURCE = configuration.resolved_source(config, workflow.basedir)

settings.write_settings(config, OPEN_RELEASES, FOLDER)
if workflow.is_main_process:
    runs.announce(config, FOLDER, OPEN_RELEASES, logger)
workflow.register_resource("connections", SOURCE.get("connections", sys.maxsize))


wildcard_constraints:
    release="|".join(OPEN_RELEASES) or "none-is-open",
    finished="|".join(RELEASES),
    before="|".join(RELEASES),
    after="|".join(RELEASES),
    bucket=r"\d{4}",
    subset="|".join(SUBSETS) or "there-is-no-subset",
    images="|".join(["original", *SUBSETS]),


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


onstart:
    runs.start(FOLDER)


onsuccess:
    runs.finish(FOLDER, OPEN_RELEASES, logger)
