"""Small images over loopback: ours, a bare requests loop, img2dataset and aria2c, in turn.

What counts is images per CPU second of the client, its start included; the server is a process of
its own that nobody counts. Ours is the step itself: fetched, verified, durably stored, and in a
receipt.
"""

import argparse
import hashlib
import http.server
import json
import os
import random
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from io import BytesIO
from pathlib import Path

REPOSITORY = Path(__file__).parents[1]
sys.path.insert(0, f"{REPOSITORY}/scripts")

# Noise does not compress: 120 x 120 pixels are 43 kB, below the 60 kB of most small images.
SIDE = 120


def serve(images: dict[str, bytes]) -> tuple[str, int]:
    """Serve images from a child process; returns its address and its ID."""

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            body = images[self.path]
            self.send_response(200)
            self.send_header("Content-Type", "image/png")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    child = os.fork()
    if child == 0:
        server.serve_forever()
    server.server_close()
    return f"http://127.0.0.1:{server.server_port}", child


def make_images(count: int) -> dict[str, bytes]:
    """Images by their path, which is named by their md5 as on the site."""
    from PIL import Image

    noise, images = random.Random(2018), {}
    for _ in range(count):
        out = BytesIO()
        pixels = noise.randbytes(SIDE * SIDE * 3)
        Image.frombytes("RGB", (SIDE, SIDE), pixels).save(out, "png", compress_level=0)
        images[f"/{md5(out.getvalue())}.png"] = out.getvalue()
    return images


def md5(data: bytes) -> str:
    """The MD5 of some bytes, in hex."""
    return hashlib.md5(data).hexdigest()


class Work:
    """What every client has to fetch, and where it may put it."""

    def __init__(self, url: str, images: dict[str, bytes], folder: Path) -> None:
        self.url, self.images, self.folder = url, images, folder

    def prepare(self) -> None:
        """Write what each client is told to fetch: a plan, a list, a list with checksums."""
        from booru_release.receipts import Change, Planned, write_receipt

        lines = [
            Planned(number, Change.NEW, None, None, "g", "png", path[1:33], len(data), path, None)
            for number, (path, data) in enumerate(self.images.items(), 1)
        ]
        write_receipt(self.folder / "plan", lines)
        listed = [f"{self.url}{path}\n" for path in self.images]
        (self.folder / "list.txt").write_text("".join(listed))
        options = [f"  out={path[1:]}\n  checksum=md5={path[1:33]}\n" for path in self.images]
        both = zip(listed, options, strict=True)
        (self.folder / "list").write_text("".join(address + more for address, more in both))

    def ours(self) -> None:
        """The download step of a bucket."""
        from booru_release.budget import Budget
        from booru_release.downloading import download_bucket
        from booru_release.library import Library
        from booru_release.site import Site
        from booru_release.transfer import Transfer

        def open_site() -> AbstractContextManager[Site]:
            return nullcontext(Site(Transfer(self.url, Budget(self.folder, None))))

        download_bucket(
            self.folder / "plan",
            "0000",
            library=Library(self.folder / "library"),
            journal=self.folder / "journal",
            open_site=open_site,
            plan_again=NotImplemented,
            receipt=self.folder / "receipt",
        )

    def bare_requests(self) -> None:
        """One session, one image after another, only the md5 is looked at."""
        import requests

        with requests.Session() as session:
            for path in self.images:
                assert md5(session.get(self.url + path).content) == path[1:33]

    def aria2(self) -> None:
        """aria2c with a list of addresses and checksums, four at a time."""
        options = ["--quiet", "--max-concurrent-downloads=4", "--file-allocation=none"]
        subprocess.run(
            [
                "aria2c",
                *options,
                f"--input-file={self.folder / 'list'}",
                f"--dir={self.folder / 'files'}",
            ],
            check=True,
        )

    def img2dataset(self, program: str) -> None:
        """img2dataset as cheap as it gets: no resizing, no encoding, one process, four threads."""
        options = {
            "url_list": self.folder / "list.txt",
            "output_folder": self.folder / "files",
            "output_format": "files",
            "resize_mode": "no",
            "disable_all_reencoding": "True",
            "compute_hash": "md5",
            "processes_count": 1,
            "thread_count": 4,
        }
        named = [f"--{name}={value}" for name, value in options.items()]
        subprocess.run([program, *named], check=True, capture_output=True)


def cpu_seconds(work: Callable[[], None]) -> float:
    """CPU seconds of some work in a child of its own, its descendants included."""
    results = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            work()
            own, others = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
            used = sum(usage.ru_utime + usage.ru_stime for usage in (own, others))
            os.write(results[1], json.dumps(used).encode())
            code = 0
        finally:
            os._exit(code)
    if os.waitpid(child, 0)[1]:
        sys.exit("a client failed; what it said is above")
    return float(json.loads(os.read(results[0], 100)))


def clients(given: argparse.Namespace) -> dict[str, Callable[[Work], None]]:
    """The clients that there are here, by name."""
    found: dict[str, Callable[[Work], None]] = {
        "ours": Work.ours,
        "requests": Work.bare_requests,
    }
    if shutil.which("aria2c"):
        found["aria2"] = Work.aria2
    else:
        print("aria2: not here; `apt-get install aria2` brings it")
    if given.img2dataset:
        found["img2dataset"] = lambda work: work.img2dataset(given.img2dataset)
    else:
        print("img2dataset: not asked for; --make-img2dataset FOLDER installs it there")
    return found


def installed_img2dataset(folder: Path) -> str:
    """img2dataset in an environment of its own, which is made where there is none."""
    program = folder / "bin" / "img2dataset"
    if not program.exists():
        subprocess.run([sys.executable, "-m", "venv", folder], check=True)
        subprocess.run([folder / "bin" / "pip", "install", "-q", "img2dataset"], check=True)
    return str(program)


def measure(given: argparse.Namespace, folder: Path) -> dict[str, list[float]]:
    """Images per CPU second of each client, a number for each round."""
    images = make_images(given.images)
    url, server = serve(images)
    rates: dict[str, list[float]] = {}
    try:
        for number in range(given.rounds):
            for name, client in clients(given).items():
                place = folder / f"{name}-{number}"
                place.mkdir()
                work = Work(url, images, place)
                work.prepare()
                used = cpu_seconds(lambda client=client, work=work: client(work))
                # Nothing is deleted before the end: ext4 looks long for an inode after that.
                rates.setdefault(name, []).append(len(images) / used)
    finally:
        os.kill(server, 15)
        os.waitpid(server, 0)
    return rates


def main() -> None:
    """Read the arguments, let each client fetch the images in turn, and print ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--img2dataset", help="the program, where it is installed")
    parser.add_argument("--make-img2dataset", type=Path, help="folder for its environment")
    parser.add_argument("--folder", type=Path, help="write here instead of a temporary folder")
    given = parser.parse_args()
    if given.make_img2dataset:
        given.img2dataset = installed_img2dataset(given.make_img2dataset.resolve())
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        rates = measure(given, Path(folder))
    for name, found in rates.items():
        ratios = [own / other for own, other in zip(rates["ours"], found, strict=True)]
        print(
            f"{name:<12} {statistics.median(found):>7.0f} images per CPU second; "
            f"ours is {statistics.median(ratios):.2f} times that "
            f"({min(ratios):.2f} to {max(ratios):.2f})"
        )


if __name__ == "__main__":
    main()
