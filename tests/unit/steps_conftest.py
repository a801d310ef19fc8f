"""A whole tiny workflow without Snakemake, and two releases that it made."""

import json
import os
import runpy
import subprocess
from copy import copy
from pathlib import Path
from types import SimpleNamespace

import pytest
from booru_release.library import Library
from booru_release.settings import write_settings
from making import SCRIPTS, Corpus, tiny_history

ENDS = {"2018": "2018-12-31", "2019": "2019-12-31"}
SUBSET = {"folder": "32px", "safe": True, "size": 32, "background": "auto"}
SUBSETS = {"sfw_32px": {**SUBSET, "format": "jpeg", "quality": 90}}


@pytest.fixture(scope="session")
def two_years(tmp_path_factory):
    """The releases 2018 and 2019 of a tiny booru; only for reading."""
    home = tmp_path_factory.mktemp("two-years")
    workflow = Workflow(home / "work", tiny_history(Corpus(home / "corpus")))
    workflow.build("2018")
    workflow.build("2019")
    return workflow


@pytest.fixture
def releases(two_years, tmp_path):
    """A copy of the two releases to do harm to; what was linked is linked in it."""
    subprocess.run(["cp", "-a", two_years.folder, tmp_path], check=True)
    return two_years.moved(tmp_path)


@pytest.fixture
def new_workflow(tmp_path):
    """Make a workflow of the same booru that has built nothing yet."""

    def make(corpus=None, **options):
        corpus = corpus or tiny_history(Corpus(tmp_path / "corpus"))
        return Workflow(tmp_path / "work", corpus, **options)

    return make


class Workflow:
    """Snakemake's part, played by hand: each adapter gets what its rule would give it."""

    def __init__(self, home, corpus, *, buckets=2, subsets=SUBSETS, ends=ENDS):
        self.home, self.folder = home, home / "releases"
        self.config = {
            "name": "tiny",
            "buckets": buckets,
            "source": {"kind": "embedded", "corpus": str(corpus.folder)},
            "releases": {
                release: {"last_upload": day, "safe_ratings": ["g"]}
                for release, day in ends.items()
            },
            "fetch_deleted": False,
            "exclude": None,
            "embargo_days": 0,
            "images": {"png_level": 1, "max_pixels": 1_000_000},
            "subsets": subsets,
            "torrents": {"version": "v1", "trackers": [], "web_seeds": []},
            "staging": {"destination": None},
            "reopen": [],
        }
        self.buckets = [f"{number:04d}" for number in range(buckets)]
        self.subsets = sorted(subsets)
        self.scripts_run = set()

    @property
    def library(self):
        return Library(self.folder / "library")

    def moved(self, home):
        """This workflow in another folder."""
        other = copy(self)
        other.home, other.folder = home, home / "releases"
        return other

    def run(self, script, release, *, input=None, output=None, params=None, **wildcards):
        """Run an adapter as Snakemake would, in the workflow's folder."""
        self.scripts_run.add(script)
        job = SimpleNamespace(
            input=SimpleNamespace(**(input or {})),
            output=SimpleNamespace(**(output or {})),
            params=SimpleNamespace(**(params or {})),
            wildcards=SimpleNamespace(release=release, **wildcards),
            log=[f"logs/{release}/{script}.log"],
            threads=1,
        )
        before = Path.cwd()
        self.home.mkdir(parents=True, exist_ok=True)
        os.chdir(self.home)
        try:
            runpy.run_path(str(SCRIPTS / f"{script}.py"), {"snakemake": job})
        finally:
            os.chdir(before)

    def log(self, release, script):
        return (self.home / "logs" / release / f"{script}.log").read_text()

    def build(self, release):
        """Build a whole release."""
        self.snapshot(release)
        for bucket in self.buckets:
            self.fill(release, bucket)
        self.conclude(release)

    def conclude(self, release):
        """Make a release of its buckets."""
        own = f"releases/{release}"
        for subset in self.subsets:
            receipts = [
                f"{own}/receipts/rescale/{subset}/{bucket}.jsonl.gz" for bucket in self.buckets
            ]
            self.run(
                "list_subset",
                release,
                input={"receipts": receipts},
                output={"table": f"{own}/subsets/{subset}.parquet"},
                params={"buckets": len(self.buckets)},
                subset=subset,
            )
        self.merge(release)
        self.torrents(release)
        self.finish(release)

    def snapshot(self, release):
        write_settings(self.config, [release], self.folder)
        self.run(
            "snapshot_site",
            release,
            input={
                "settings": f"releases/{release}/settings/snapshot.json",
                "withdrawals": f"releases/{release}/settings/withdrawals.json",
            },
            output={"snapshot": f"releases/{release}/metadata/snapshot.json"},
            params={"source": self.config["source"]},
        )

    def fill(self, release, bucket):
        """Run the steps of one bucket."""
        for step in (self.plan, self.download, self.optimise, self.rescale, self.checksum):
            step(release, bucket)

    def plan(self, release, bucket):
        self.run(
            "plan_bucket",
            release,
            input={
                "snapshot": f"releases/{release}/metadata/snapshot.json",
                "settings": f"releases/{release}/settings/plan.json",
                "withdrawals": f"releases/{release}/settings/withdrawals.json",
                "exclude": f"releases/{release}/settings/exclude.json",
                "previous": self.previous(release, "checksum", bucket),
                "originals": self.previous(release, "optimise", bucket),
            },
            output={"receipt": _receipt(release, "plan", bucket)},
            params={"lists": str(self.home), "buckets": len(self.buckets)},
            bucket=bucket,
        )

    def download(self, release, bucket):
        self.run(
            "download_bucket",
            release,
            input={
                "plan": _receipt(release, "plan", bucket),
                "settings": f"releases/{release}/settings/plan.json",
                "previous": self.previous(release, "checksum", bucket),
                "exclude": f"releases/{release}/settings/exclude.json",
            },
            output={"receipt": _receipt(release, "download", bucket)},
            params={
                "lists": str(self.home),
                "max_pixels": self.config["images"]["max_pixels"],
                "source": self.config["source"],
                "accept_failed": None,
                "last_upload": self.config["releases"][release]["last_upload"],
            },
            bucket=bucket,
        )

    def optimise(self, release, bucket):
        self.run(
            "optimise_bucket",
            release,
            input={
                "plan": _receipt(release, "plan", bucket),
                "downloads": _receipt(release, "download", bucket),
                "settings": f"releases/{release}/settings/optimise.json",
                "previous": self.previous(release, "optimise", bucket),
            },
            output={"receipt": _receipt(release, "optimise", bucket)},
            bucket=bucket,
        )

    def rescale(self, release, bucket):
        for subset in self.subsets:
            self.run(
                "rescale_bucket",
                release,
                input={
                    "plan": _receipt(release, "plan", bucket),
                    "originals": _receipt(release, "optimise", bucket),
                    "settings": f"releases/{release}/settings/rescale/{subset}.json",
                    "previous": self.previous(release, f"rescale/{subset}", bucket),
                },
                output={"receipt": _receipt(release, f"rescale/{subset}", bucket)},
                bucket=bucket,
                subset=subset,
            )

    def checksum(self, release, bucket):
        self.run(
            "checksum_bucket",
            release,
            input={
                "plan": _receipt(release, "plan", bucket),
                "downloads": _receipt(release, "download", bucket),
                "originals": _receipt(release, "optimise", bucket),
                "subsets": [_receipt(release, f"rescale/{name}", bucket) for name in self.subsets],
            },
            output={"receipt": _receipt(release, "checksum", bucket)},
            params={"subsets": self.subsets},
            bucket=bucket,
        )

    def merge(self, release):
        own = f"releases/{release}"
        self.run(
            "merge_manifest",
            release,
            input={
                "snapshot": f"{own}/metadata/snapshot.json",
                "receipts": [_receipt(release, "checksum", bucket) for bucket in self.buckets],
            },
            output={
                "manifest": f"{own}/manifest.parquet",
                "accounts": f"{own}/accounts.json",
                "figures": f"{own}/report/figures.json",
            },
            params={"buckets": len(self.buckets)},
        )

    def torrents(self, release):
        own = f"releases/{release}"
        settings = f"{own}/settings/torrent.json"
        for images in ("original", *self.subsets):
            self.run(
                "make_image_torrents",
                release,
                input={"manifest": f"{own}/manifest.parquet", "settings": settings},
                output={"receipt": f"{own}/receipts/torrent/{images}.json"},
                params={"receipts": f"{own}/receipts/checksum", "buckets": len(self.buckets)},
                images=images,
            )
        self.run(
            "make_metadata_torrent",
            release,
            input={"snapshot": f"{own}/metadata/snapshot.json", "settings": settings},
            output={"receipt": f"{own}/receipts/torrent/metadata.json"},
        )
        self.run(
            "list_torrents",
            release,
            output={"table": f"{own}/torrents.json"},
            params=self.tree_params(release),
        )

    def finish(self, release):
        own = f"releases/{release}"
        self.judge(release)
        self.run(
            "write_sums",
            release,
            output={"sums": f"{own}/SHA256SUMS"},
            params=self.tree_params(release),
        )
        self.run(
            "finish_release",
            release,
            input={
                "sums": f"{own}/SHA256SUMS",
                "settings": f"{own}/settings/release.json",
                "gates": f"{own}/report/gates.json",
                "difference": self.difference(release),
            },
            output={"release": f"{own}/release.json"},
            params={"name": "tiny", **self.tree_params(release)},
        )

    def judge(self, release):
        own = f"releases/{release}"
        folders = {name: subset["folder"] for name, subset in self.config["subsets"].items()}
        self.run(
            "judge_release",
            release,
            input={"settings": f"{own}/settings/gates.json"},
            output={"report": f"{own}/report/gates.json"},
            params={
                "earlier": self.earlier(release),
                "folders": {"original": "original", **folders},
                "buckets": len(self.buckets),
            },
        )

    def difference(self, release):
        """The comparison with the release before, none for the first."""
        if not self.earlier(release):
            return []
        before = self.earlier(release)[-1]
        report = f"releases/{release}/report/diff_{before}_{release}"
        self.run(
            "diff_releases",
            release,
            input={
                "before": f"releases/{before}/metadata/snapshot.json",
                "after": f"releases/{release}/metadata/snapshot.json",
            },
            output={"report": f"{report}.json", "text": f"{report}.txt"},
            params={"releases": self.config["releases"], "buckets": len(self.buckets)},
            before=before,
            after=release,
        )
        return f"{report}.json"

    def verify(self, release):
        params = {
            "folder": f"releases/{release}",
            "release": release,
            "withdrawals": "withdrawals.jsonl",
        }
        self.run("verify_release", release, params=params)

    def accounts(self, release):
        earlier = self.earlier(release)
        params = {
            "release": release,
            "before": earlier[-1] if earlier else None,
            "buckets": len(self.buckets),
        }
        self.run("accounts_release", release, params=params)

    def withdraw(self, release, *withdrawals):
        """Add posts to the list, and run the adapter that takes them out of every release."""
        with (self.home / "withdrawals.jsonl").open("a") as out:
            for post_id in withdrawals:
                row = {"id": post_id, "date": "2020-02-01", "reason": "the artist asked"}
                out.write(json.dumps(row) + "\n")
        params = {"release": release, "withdrawals": "withdrawals.jsonl"}
        self.run("withdraw_release", release, params=params)

    def repair(self, release):
        params = {
            "release": release,
            "earlier": self.earlier(release),
            "source": self.config["source"],
        }
        self.run("repair_release", release, params=params)

    def tree_params(self, release):
        return {
            "earlier": self.earlier(release),
            "subsets": self.subsets,
            "buckets": len(self.buckets),
        }

    def earlier(self, release):
        return [other for other in self.config["releases"] if other < release]

    def previous(self, release, step, bucket):
        earlier = self.earlier(release)
        return _receipt(earlier[-1], step, bucket) if earlier else []


def _receipt(release, step, bucket):
    return f"releases/{release}/receipts/{step}/{bucket}.jsonl.gz"
