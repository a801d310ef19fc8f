"""Two years of a booru and calls with nothing to do: time, memory, and what the jobs cost."""

import argparse
import json
import os
import socket
import tempfile
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import Any

from measuring import Cost, measured, serving, snakemake

# The synthetic posts are uploaded at an even pace between these days.
OPENED, FULL = date(2015, 1, 1), date(2019, 12, 31)
POSTS_A_BUCKET = 12_000
EMPTY = """
rule all:
    input: expand("done/{{n}}", n=range({jobs}))
rule job:
    output: "done/{{n}}"
    script: "empty.py"
"""


@dataclass
class Bench:
    """A folder to build in, the sizes to build with, and the port that the booru has."""

    folder: Path
    given: argparse.Namespace
    port: int

    def configuration(self, name: str) -> str:
        """A configuration file for a place of its own below the folder."""
        place = self.folder / name
        place.mkdir(parents=True, exist_ok=True)
        source = {"kind": "danbooru", "url": f"http://127.0.0.1:{self.port}"}
        source |= {"requests_per_second": None, "connections": os.cpu_count()}
        first, second = self.days()
        releases = {
            "2018": {"last_upload": first, "safe_ratings": ["g"]},
            "2019": {"last_upload": second, "safe_ratings": ["g"]},
        }
        file = place / "mine.json"
        settings = {"buckets": self.given.buckets, "source": source, "releases": releases}
        file.write_text(json.dumps(settings))
        return str(file)

    def days(self) -> tuple[str, str]:
        """The last days of the two releases, between which the booru grows by the increment."""
        if self.given.corpus:
            return "2018-12-31", "2019-12-31"
        first = (FULL - OPENED) / (1 + self.given.increment)
        return (OPENED + timedelta(days=first.days)).isoformat(), FULL.isoformat()

    def call(self, name: str, *arguments: str, said: str, day: str, posts: int) -> Cost:
        """Run snakemake in a place, beside a booru as it was on a day; print what it took."""
        configured = ["--configfile", self.configuration(name)]
        content = ["--corpus", self.given.corpus] if self.given.corpus else []
        # Where the posts are not what is measured, their images are to cost nothing.
        pixels = self.given.pixels if name == "real" else 64
        content = content or ["--synthetic", str(posts), "--pixels", str(pixels)]
        cache = ["--cache", str(self.folder / "cache")]
        where = ["--port", str(self.port), "--as-of", day]
        with serving([*where, *content, *cache]) as served:
            # The target comes first: Snakemake takes every word after --configfile as a file.
            command = snakemake(self.folder / name, *arguments, *configured)
            cost = measured(command, self.folder / name)
        show(cost.line(said) + (f"; its booru {served.cpu:.1f} CPU s" if cost.jobs else ""))
        return cost


def show(line: str) -> None:
    """Print at once: a long run is watched."""
    print(line, flush=True)


def empty_jobs(folder: Path, jobs: int) -> Cost:
    """What as many jobs cost that do nothing, of a workflow that is nothing else."""
    folder.mkdir(exist_ok=True)
    (folder / "Snakefile").write_text(EMPTY.format(jobs=jobs))
    (folder / "empty.py").write_text("open(snakemake.output[0], 'w').close()\n")
    snakefile = ["--snakefile", str(folder / "Snakefile"), "--cores", "all", "--forceall"]
    return measured(snakemake(folder, *snakefile), folder)


def facts_of(place: Path, release: str) -> dict[str, Any]:
    """What a run said of itself in `run.json`."""
    facts: dict[str, Any] = json.loads((place / "releases" / release / "run.json").read_bytes())
    return facts


def report(place: Path, release: str) -> None:
    """Print what a release holds, and each step's figures."""
    accounts = json.loads((place / "releases" / release / "accounts.json").read_bytes())
    show(f"  {release}: { ({key: n for key, n in accounts.items() if isinstance(n, int) and n}) }")
    facts = facts_of(place, release)
    for step, sums in sorted(facts["steps"].items(), key=lambda item: -item[1]["cpu_seconds"]):
        show(
            f"  {step:<24} {sums['jobs']:>6} jobs {sums['cpu_seconds']:>9.1f} CPU s "
            f"{sums['posts']:>9,} posts {sums['peak_memory_bytes'] / 2**20:>6.0f} MiB"
        )
    itself = facts["snakemake"]
    show(
        f"  {'Snakemake itself':<24} {'':>11} {itself['cpu_seconds']:>9.1f} CPU s "
        f"{'':>15} {itself['peak_memory_bytes'] / 2**20:>6.0f} MiB"
    )


def own(cost: Cost, fixed: Cost) -> float:
    """The CPU seconds that the steps took for their posts, beyond what as many jobs cost empty."""
    return cost.cpu - cost.jobs * fixed.a_job


def plan_at_size(bench: Bench, day: str) -> None:
    """Plan a release whose metadata and receipts are as large as those of the real site."""
    place = bench.folder / "planned"
    bench.call("planned", "-n", "release_2018", said="plan of an empty folder", day=day, posts=20)
    rows = [json.dumps({"id": n, "md5": f"{n:032x}", "tag_string": "a b " * 50}) for n in range(3)]
    large = place / "large.jsonl"
    large.write_text("\n".join(rows * (POSTS_A_BUCKET // 3)))
    metadata = place / "releases" / "2018" / "metadata"
    receipts = place / "releases" / "2018" / "receipts"
    for folder in (metadata / "posts", receipts / "plan", receipts / "download"):
        folder.mkdir(parents=True, exist_ok=True)
        for number in range(bench.given.buckets):
            link = folder / f"{number:04d}.jsonl.gz"
            link.unlink(missing_ok=True)
            link.hardlink_to(large)
    # Older than the receipts that were made of it.
    (metadata / "snapshot.json").write_text("{}")
    os.utime(metadata / "snapshot.json", (large.stat().st_mtime,) * 2)
    posts = bench.given.buckets * POSTS_A_BUCKET
    said = f"-n, {posts:,} posts"
    bench.call("planned", "-n", "release_2018", said=said, day=day, posts=20)


def arguments() -> argparse.Namespace:
    """The sizes that were asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", help="folder with posts.jsonl and original/")
    parser.add_argument("--posts", type=int, default=400, help="that many by formula")
    parser.add_argument("--pixels", type=int, default=64, help="1200: about a megapixel an image")
    parser.add_argument("--buckets", type=int, default=20)
    parser.add_argument("--increment", type=float, default=0.1, help="of the second year")
    parser.add_argument("--folder", type=Path, help="build here, and keep it")
    return parser.parse_args()


def measure(bench: Bench) -> None:
    """Build, and print what each call took as soon as it ends."""
    given, (first, second) = bench.given, bench.days()
    empty = empty_jobs(bench.folder / "empty", 5 * given.buckets)
    show(empty.line("empty jobs"))
    fixed = bench.call("hollow", "release_2018", said="buckets without posts", day=first, posts=20)
    report(bench.folder / "hollow", "2018")
    costs = {}
    for release, day in (("2018", first), ("2019", second)):
        said = f"release_{release}"
        costs[release] = bench.call("real", said, said=said, day=day, posts=given.posts)
        report(bench.folder / "real", release)
        share = costs[release].jobs * fixed.a_job / costs[release].cpu
        show(f"  the workflow itself: {fixed.a_job:.3f} CPU s a job, {share:.1%} of the whole")
    growth = own(costs["2019"], fixed) / own(costs["2018"], fixed)
    show(f"  steps' own CPU of the second year: {growth:.1%} of the first's")
    for said, *call in (
        ("nothing to do", "release_2019"),
        ("nothing to do, both planned", "-n", "release_2019", "--config", "reopen=[2018,2019]"),
        ("verify", "verify_2019"),
    ):
        bench.call("real", *call, said=said, day=second, posts=given.posts)
    plan_at_size(bench, first)


def main() -> None:
    """Read the arguments, and measure in the folder that they name, or in one that goes."""
    given = arguments()
    given.corpus = str(Path(given.corpus).resolve()) if given.corpus else None
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    if given.folder:
        given.folder.mkdir(parents=True, exist_ok=True)
        measure(Bench(given.folder.resolve(), given, port))
    else:
        with tempfile.TemporaryDirectory() as temporary:
            measure(Bench(Path(temporary), given, port))


if __name__ == "__main__":
    main()
