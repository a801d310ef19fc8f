"""Whole releases through real Snakemake, of a booru with a dozen posts."""

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

REPOSITORY = Path(__file__).parents[2]
PACK = REPOSITORY / "scripts" / "embedded_booru" / "pack"

UPLOADS = [
    # ID, day, what, rating
    (1, "2016-02-01", "b5b748ff618f863922c722bda05d95ac", "g"),
    (2, "2016-03-01", "jpeg-01", "g"),
    (3, "2017-01-01", "380fae85108e963f975779329b16738d", "g"),
    (4, "2017-02-01", "058313222db8867ac58c58ad4b249619", "g"),
    (6, "2017-03-01", "jpeg-02", "g"),
    (7, "2018-01-01", "05b12caace12a34557a88389ae10934b", "s"),
    (8, "2018-02-01", "jpeg-03", "q"),
    (9, "2018-03-01", "10c74b5e98cad92f02e9b4f71622bd8e", "g"),
    (10, "2018-12-31", "truncated-jpeg", "g"),
    (11, "2019-01-01", "ugoira", "g"),
    (12, "2019-05-01", "2f556f7e66e90c1e2bd0d05bb1eae1dd", "g"),
    (13, "2019-06-01", "jpeg-04", "e"),
    (14, "2019-12-31", "black-line-art", "g"),
    (15, "2020-01-01", "03695ebb4e67e98e360de8bf0c90c14a", "g"),
]
EVENTS = [
    ("2018-06-01", 3, "delete", {}),
    ("2019-01-02", 1, "retag", {"add": ["circle"], "remove": []}),
    ("2019-01-03", 2, "rerate", {"rating": "q"}),
    ("2019-01-04", 4, "replace", {"drawing": "jpeg-26"}),
    ("2019-01-05", 6, "ban", {}),
    ("2019-01-06", 7, "expunge", {}),
    ("2019-01-07", 8, "rerate", {"rating": "g"}),
    ("2019-01-08", 9, "delete", {}),
]


def write_corpus(folder: Path) -> Path:
    """A corpus of the built-in images and drawings, with a history of its own."""
    known = {row["md5"]: row for row in map(json.loads, (PACK / "posts.jsonl").open())}
    events, posts = [], []
    for post, day, what, rating in UPLOADS:
        kind = "md5" if what in known else "drawing"
        events.append({"date": f"{day}T12:00:00Z", "post": post, "event": "upload", kind: what})
        events[-1]["rating"] = rating
        if what in known:
            posts.append(known[what])
            place = f"original/{what[:2]}/{what[2:4]}/{what}.{known[what]['file_ext']}"
            (folder / place).parent.mkdir(parents=True)
            shutil.copy(PACK / place, folder / place)
    # The post of 2016 is the parent of another one, in a pool, and has a note.
    posts[-1]["parent_id"] = posts[0]["id"]
    dates = dict.fromkeys(("created_at", "updated_at"), "2018-05-01T12:00:00Z")
    note = {"id": 1, "post_id": 1, "x": 1, "y": 1, "width": 9, "height": 9, "body": "See post #1."}
    write_lines(folder / "pools.jsonl", [{"id": 1, "name": "Set", "post_ids": [1, 2, 4], **dates}])
    write_lines(
        folder / "notes.jsonl", [{**note, **dates}, {**note, **dates, "id": 2, "post_id": 9}]
    )
    events += [
        {"date": f"{day}T12:00:00Z", "post": post, "event": event, **more}
        for day, post, event, more in EVENTS
    ]
    events.sort(key=lambda event: event["date"])
    write_lines(folder / "posts.jsonl", posts)
    write_lines(folder / "history.jsonl", events)
    return folder


def write_lines(path: Path, rows: list[dict]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))


@dataclass
class Run:
    """What a call of snakemake came to."""

    code: int
    output: str


@dataclass
class Workshop:
    """A folder to build in, and the configuration to build with."""

    folder: Path
    config: dict
    snakefile: Path = REPOSITORY / "Snakefile"

    @property
    def releases(self) -> Path:
        return self.folder / "releases"

    def command(self, *arguments: str) -> list[str]:
        self.folder.mkdir(parents=True, exist_ok=True)
        configured = self.folder / "mine.yaml"
        configured.write_text(yaml.safe_dump(self.config))
        snakemake = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(REPOSITORY / "Snakefile"),
        ]
        place = ["--directory", str(self.folder), "--configfile", str(configured)]
        return [*snakemake, *arguments, *place, "--nocolor"]

    def run(self, *arguments: str, timeout: float = 170) -> Run:
        done = subprocess.run(
            self.command(*arguments),
            capture_output=True,
            text=True,
            timeout=timeout,
            cwd=REPOSITORY,
            env={**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"},
        )
        return Run(done.returncode, done.stdout + done.stderr)

    def build(self, *arguments: str) -> Run:
        """Run, and expect it to go well."""
        run = self.run(*arguments)
        assert run.code == 0, run.output
        return run

    def json(self, path: str):
        return json.loads((self.releases / path).read_bytes())

    def requests(self, release: str) -> list[str]:
        """The paths that a release asked its embedded booru for."""
        log = self.releases / release / "logs" / "embedded_booru.jsonl"
        return [json.loads(line)["path"] for line in log.read_text().splitlines()]


@pytest.fixture(scope="session")
def corpus(tmp_path_factory) -> Path:
    return write_corpus(tmp_path_factory.mktemp("corpus"))


@pytest.fixture
def workshop(tmp_path, corpus) -> Workshop:
    """An empty folder, and a configuration for the tiny booru."""
    return Workshop(tmp_path / "work", tiny_config(corpus))


def tiny_config(corpus: Path) -> dict:
    return {"buckets": 2, "source": {"kind": "embedded", "corpus": str(corpus)}}


@pytest.fixture(scope="session")
def finished(tmp_path_factory, corpus) -> Workshop:
    """Both years, built once; tests look at it and change nothing."""
    workshop = Workshop(tmp_path_factory.mktemp("finished"), tiny_config(corpus))
    workshop.build("release_2018")
    shutil.copytree(workshop.releases / "library", workshop.folder / "library-of-2018")
    with opened_below(workshop.releases / "library") as opened:
        workshop.build("release_2019")
    write_lines(workshop.folder / "opened.jsonl", sorted(opened))
    return workshop


@pytest.fixture
def both_years(tmp_path, finished) -> Iterator[Workshop]:
    """A copy of both years that a test may spoil; links between files are kept."""
    folder = tmp_path / "both"
    subprocess.run(["cp", "-a", str(finished.folder), str(folder)], check=True)
    yield Workshop(folder, dict(finished.config))


@contextmanager
def opened_below(folder: Path) -> Iterator[set[str]]:
    """The files below a folder that anybody opens while the block runs, as the kernel tells."""
    opened: set[str] = set()

    class Opened(FileSystemEventHandler):
        def on_opened(self, event):
            if not event.is_directory:
                opened.add(Path(event.src_path).relative_to(folder).as_posix())

    observer = Observer()
    observer.schedule(Opened(), str(folder), recursive=True)
    observer.start()
    yield opened
    observer.stop()
    observer.join()


@contextmanager
def names_below(folder: Path) -> Iterator[set[str]]:
    """The names that files below a folder get while the block runs, as the kernel tells."""
    names: set[str] = set()

    class Named(FileSystemEventHandler):
        def on_any_event(self, event):
            names.update(str(path) for path in (event.src_path, event.dest_path) if path)

    observer = Observer()
    observer.schedule(Named(), str(folder), recursive=True)
    observer.start()
    yield names
    observer.stop()
    observer.join()


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below a folder, by path."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@dataclass
class Daemon:
    """A real rsync daemon: its address, and the folder of its module `mirror`."""

    url: str
    folder: Path


@pytest.fixture
def rsync_daemon(tmp_path) -> Iterator[Daemon]:
    folder, port = tmp_path / "mirror", free_port()
    folder.mkdir()
    settings = tmp_path / "rsyncd.conf"
    module = f"[mirror]\npath = {folder}\nread only = no\n"
    # As whoever runs the tests: a daemon that root starts would become nobody.
    owner = f"uid = {os.getuid()}\ngid = {os.getgid()}\nuse chroot = no\n"
    settings.write_text(owner + module)
    daemon = subprocess.Popen(
        [
            "rsync",
            "--daemon",
            "--no-detach",
            f"--config={settings}",
            f"--port={port}",
            "--address=127.0.0.1",
        ]
    )
    wait_for_port(port)
    yield Daemon(f"rsync://127.0.0.1:{port}", folder)
    daemon.terminate()
    daemon.wait()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_for_port(port: int) -> None:
    for _ in range(200):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise TimeoutError(f"nothing listens on port {port}")
