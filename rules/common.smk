"""The configuration, the names in it, and the life of a run."""

import sys
from functools import partial
from pathlib import Path

sys.path.insert(0, f"{workflow.basedir}/scripts")

from booru_release import configuration, runs, screen, settings, succession, texts

FOLDER = Path("releases")
SCHEMA = Path(workflow.basedir, "config", "config.schema.yaml")

completed = configuration.complete(Path(workflow.basedir, "config", "config.yaml"), config)
config.clear()
config.update(texts.typed(completed, SCHEMA))
configuration.check(config, SCHEMA)

RELEASES = configuration.in_order(config)
OPEN_RELEASES = settings.open_releases(config, FOLDER)
BUCKETS = [f"{number:04d}" for number in range(config["buckets"])]
SUBSETS = sorted(config["subsets"])
# Lists of hashes count from the folder of the rules that name them.
HASH_LISTS = str(Path(config["exclude"] or ".").parent)
SOURCE = configuration.resolved_source(config, workflow.basedir)

# Jobs read this file, too, on other hosts and many at a time: only the run itself writes and tells.
if workflow.is_main_process:
    settings.write_settings(config, OPEN_RELEASES, FOLDER)
    runs.announce(config, FOLDER, OPEN_RELEASES, logger)
else:
    succession.join(FOLDER)
if SOURCE["kind"] != "embedded":
    workflow.register_resource("connections", configuration.Source.of(SOURCE).connections)


wildcard_constraints:
    release="|".join(OPEN_RELEASES) or "none-is-open",
    finished="|".join(RELEASES),
    before="|".join(RELEASES),
    after="|".join(RELEASES),
    bucket=r"\d{4}",
    subset="|".join(SUBSETS) or "there-is-no-subset",
    images="|".join(["original", *SUBSETS]),


onstart:
    if workflow.local_exec:
        # Each ended job starts a chain of timers that weighs all ready jobs every second, for the
        # sake of a limit that only those who submit jobs need.
        workflow.scheduler.job_rate_limiter = None
    builds = runs.start(FOLDER, workflow.dag_settings.targets)
    if builds:
        succession.begin(FOLDER, logger)
    quiet = bool(workflow.output_settings.quiet) or not builds
    runs.show(screen.watch(FOLDER, RELEASES, config["buckets"], logger, quiet=quiet))


onsuccess:
    runs.finish(FOLDER, OPEN_RELEASES, logger)


onerror:
    runs.fail(FOLDER, OPEN_RELEASES, logger)
