"""Two years of a booru and a call with nothing to do: time, memory, requests, beside empty jobs."""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
EMPTY = """
rule all:
    input: expand("done/{{n}}", n=range({jobs}))
rule job:
    output: "done/{{n}}"
    script: "empty.py"
"""


@dataclass(frozen=True)
class Cost:
    """What a call took: seconds, CPU seconds, jobs, and bytes of its largest process."""

    seconds: float
    cpu: float
    jobs: int
    peak: int

    def line(self, name: str) -> str:
        """The cost for a reader."""
        return (
            f"{name:<28} {self.seconds:>8.1f} s {self.cpu:>8.1f} CPU s {self.jobs:>6} jobs "
            f"{self.peak / 2**20:>7.0f} MiB"
        )


def measured(command: list[str], folder: Path) -> Cost:
    """Run a command in a child of its own, so that its descendants are counted apart."""
    log = folder / "snakemake.log"
    started, reading = time.monotonic(), os.pipe()
    child = os.fork()
    if child == 0:
        with log.open("wb") as out:
            code = subprocess.run(command, stdout=out, stderr=out, cwd=REPOSITORY).returncode
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        facts = [code, used.ru_utime + used.ru_stime, used.ru_maxrss * 1024]
        os.write(reading[1], json.dumps(facts).encode())
        os._exit(0)
    os.waitpid(child, 0)
    code, cpu, peak = json.loads(os.read(reading[0], 1000))
    if code:
        sys.exit(log.read_text()[-5000:])
    jobs = log.read_text().count("Finished jobid")
    return Cost(time.monotonic() - started, cpu, jobs, peak)


def snakemake(folder: Path, *arguments: str) -> list[str]:
    """A call of snakemake on this repository, with its products in a folder."""
    return [sys.executable, "-m", "snakemake", *arguments, "--directory", str(folder)]


def empty_jobs(folder: Path, jobs: int) -> Cost:
    """What as many jobs cost that do nothing."""
    folder.mkdir()
    (folder / "Snakefile").write_text(EMPTY.format(jobs=jobs))
    (folder / "empty.py").write_text("open(snakemake.output[0], 'w').close()\n")
    snakefile = ["--snakefile", str(folder / "Snakefile"), "--cores", "all"]
    return measured(snakemake(folder, *snakefile), folder)


def requests(folder: Path, release: str) -> tuple[int, int]:
    """How often a release asked its booru, and how many of these were images."""
    log = folder / "releases" / release / "logs" / "embedded_booru.jsonl"
    paths = [json.loads(line)["path"] for line in log.read_text().splitlines()]
    return len(paths), sum("/original/" in path for path in paths)


def report(folder: Path, release: str) -> None:
    """Print what a release holds and what it did."""
    facts = json.loads((folder / "releases" / release / "release.json").read_bytes())
    states = {state: n for state, n in facts["accounts"].items() if isinstance(n, int) and n}
    asked, images = requests(folder, release)
    print(f"  {release}: {states}")
    print(f"  sets: {facts['sets']}")
    print(f"  requests: {asked}, images among them: {images}; changes: {facts['changes']}")


def main() -> None:
    """Read the arguments, build, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", help="folder with posts.jsonl and original/")
    parser.add_argument("--synthetic", type=int, default=0, help="that many posts by formula")
    parser.add_argument("--buckets", type=int, default=8)
    parser.add_argument("--folder", type=Path, help="build here instead of a temporary folder")
    given = parser.parse_args()
    corpus = str(Path(given.corpus).resolve()) if given.corpus else None
    source = {"kind": "embedded", "corpus": corpus, "synthetic": given.synthetic}
    with tempfile.TemporaryDirectory(dir=given.folder) as temporary:
        folder = Path(temporary)
        mine = folder / "mine.json"
        mine.write_text(json.dumps({"buckets": given.buckets, "source": source}))
        more = ["--configfile", str(mine)]
        costs = {}
        for release in ("2018", "2019"):
            costs[release] = measured(snakemake(folder, f"release_{release}", *more), folder)
            print(costs[release].line(f"release_{release}"))
            report(folder, release)
        print(measured(snakemake(folder, "release_2019", *more), folder).line("nothing to do"))
        reopened = ["-n", "release_2019", *more, "--config", "reopen=2019"]
        print(measured(snakemake(folder, *reopened), folder).line("nothing to do, plan of all"))
        print(measured(snakemake(folder, "verify_2019", *more), folder).line("verify_2019"))
        empty = empty_jobs(folder / "empty", costs["2019"].jobs)
        print(empty.line("as many empty jobs"))
        for release, cost in costs.items():
            share = empty.cpu / empty.jobs * cost.jobs / cost.cpu
            print(f"share of the workflow itself in {release}: {share:.0%} of CPU")


if __name__ == "__main__":
    main()
