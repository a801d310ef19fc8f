"""Tiny boorus, images and receipts for the tests of the steps, and the death of a step."""

import hashlib
import json
import logging
import os
import signal
import sys
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from booru_release.budget import Budget
from booru_release.patience import Manners
from booru_release.receipts import Change, Original, Planned, Published, Record, State
from booru_release.site import Site
from booru_release.transfer import Transfer
from embedded_booru import serving
from PIL import Image

SCRIPTS = Path(__file__).parents[2] / "scripts"
IMPATIENT = Manners(timeout=5, attempts=2, retry_wait=0.01, throttled_wait=0.01)


def picture(shade, format="png", size=(40, 30)):
    """A small picture; another shade is another picture, and all of them can become smaller."""
    image = Image.linear_gradient("L").resize(size).convert("RGB")
    image.paste((shade, 255 - shade, 90), (4, 4, 20, 20))
    out = BytesIO()
    options = {"compress_level": 0} if format == "png" else {"quality": 95}
    image.save(out, format, **options)
    return out.getvalue()


def md5(data):
    return hashlib.md5(data).hexdigest()


def sha256(data):
    return hashlib.sha256(data).hexdigest()


class Corpus:
    """A folder that the embedded booru serves, with a history that a test writes."""

    def __init__(self, folder):
        self.folder = folder
        self._posts, self._events, self._rows = {}, [], {}
        (folder / "original").mkdir(parents=True)

    def upload(self, post_id, data, *, ext="png", day="2018-06-01", rating="g", tags="sky"):
        self._add(data, ext, tags)
        self.happen(day, post_id, "upload", md5=md5(data), rating=rating)

    def replace(self, day, post_id, data, *, ext="png"):
        self._add(data, ext, "sky")
        self.happen(day, post_id, "replace", md5=md5(data))

    def happen(self, day, post_id, event, **more):
        self._events.append({"date": f"{day}T12:00:00Z", "post": post_id, "event": event, **more})
        # The site wants its history in order; events of a day keep the order they came in.
        self._events.sort(key=lambda line: line["date"])
        self._write("posts", self._posts.values())
        self._write("history", self._events)

    def tell(self, table, **row):
        """Add a row to a table that is not of posts."""
        dates = dict.fromkeys(("created_at", "updated_at"), "2017-03-01T12:00:00Z")
        self._rows.setdefault(table, []).append({**row, **dates})
        self._write(table, self._rows[table])

    def adopt(self, child, parent):
        """Make the post of one image a child of another's."""
        self._posts[md5(child)]["parent_id"] = self._posts[md5(parent)]["id"]
        self._write("posts", self._posts.values())

    def file(self, data, ext="png"):
        name = md5(data)
        return self.folder / "original" / name[:2] / name[2:4] / f"{name}.{ext}"

    def _add(self, data, ext, tags):
        write_file(self.file(data, ext), data)
        self._posts[md5(data)] = {
            "id": len(self._posts) + 1001,
            "created_at": "2005-01-01T00:00:00Z",
            "rating": "g",
            "tag_string": tags,
            "md5": md5(data),
            "file_ext": ext,
            "file_size": len(data),
            "image_width": 40,
            "image_height": 30,
        }

    def _write(self, name, rows):
        lines = "".join(json.dumps(row) + "\n" for row in rows)
        (self.folder / f"{name}.jsonl").write_text(lines)


def tiny_history(corpus):
    """Write a history in which a post meets each fate that a site has for it."""
    corpus.upload(1, picture(10), day="2016-01-01", tags="sky cloud")
    corpus.upload(2, picture(20, "jpeg"), ext="jpg", day="2016-02-01")
    # 3 never existed.
    corpus.upload(4, picture(40), day="2016-04-01", rating="s")
    corpus.upload(5, picture(50, "jpeg"), ext="jpg", day="2016-05-01")
    corpus.upload(6, picture(60), day="2016-06-01")
    corpus.upload(7, picture(70), day="2016-07-01")
    corpus.upload(8, picture(80), day="2016-08-01")
    corpus.upload(9, picture(90), day="2016-09-01")
    corpus.upload(10, picture(100)[:900], day="2016-10-01")
    corpus.upload(11, b"PK\x03\x04 frames", ext="zip", day="2016-11-01")
    corpus.upload(12, picture(120), day="2016-12-01")
    corpus.upload(13, picture(130), day="2019-01-01")
    corpus.upload(14, picture(140, "jpeg"), ext="jpg", day="2019-02-01")
    corpus.upload(15, picture(150), day="2019-03-01", rating="q")
    corpus.adopt(picture(90), picture(10))
    corpus.tell("pools", id=1, name="Set", description="See post #1.", post_ids=[1, 2, 5])
    place = {"x": 1, "y": 1, "width": 5, "height": 5}
    corpus.tell("notes", id=1, post_id=1, body="Its first note", **place)
    corpus.tell("notes", id=2, post_id=9, body=f"of /posts/1, {md5(picture(10))}", **place)
    corpus.tell("artist_commentaries", id=1, post_id=2, original_title="Its title")
    corpus.happen("2017-01-01", 8, "delete")
    corpus.happen("2017-02-01", 12, "ban")
    corpus.happen("2019-04-01", 1, "retag", add=["sea"], remove=["cloud"])
    corpus.replace("2019-05-01", 2, picture(25, "jpeg"), ext="jpg")
    corpus.happen("2019-06-01", 4, "rerate", rating="g")
    corpus.happen("2019-07-01", 5, "rerate", rating="q")
    corpus.happen("2019-08-01", 6, "ban")
    corpus.happen("2019-09-01", 7, "expunge")
    corpus.happen("2019-10-01", 9, "delete")
    return corpus


class Booru:
    """A site over HTTP; `opened` counts how often a step asked for it."""

    def __init__(self, url, log):
        self.url, self.log, self.opened = url, log, 0

    @contextmanager
    def open_site(self):
        self.opened += 1
        yield site_at(self.url)

    def images_sent(self):
        """The md5 of each image that was asked for, in order of the requests."""
        lines = self.log.read_text().splitlines() if self.log.exists() else []
        paths = [json.loads(line)["path"].split("?")[0] for line in lines]
        return [Path(path).stem[-32:] for path in paths if path.startswith("/original/")]


def site_at(url):
    return Site(Transfer(url, Budget(Path("unused"), None), manners=IMPATIENT))


@contextmanager
def booru(corpus, *, as_of="2018-12-31"):
    """A corpus on a port of its own, with a log of requests beside it."""
    beside = corpus.folder.parent
    log = beside / f"{corpus.folder.name}.log"
    with serving(corpus.folder, as_of=as_of, cache=beside / "drawings", log=log) as url:
        yield Booru(url, log)


def never_opened():
    """A site that no step may ask for."""
    raise AssertionError("the site was opened")


def planned(post_id, data=b"", **values):
    """A plan's line for a new PNG with these bytes."""
    line = {
        "id": post_id,
        "change": Change.NEW,
        "state": None,
        "reason": None,
        "rating": "g",
        "file_ext": "png",
        "md5": md5(data),
        "size": len(data),
        "url": f"/original/{md5(data)[:2]}/{md5(data)[2:4]}/{md5(data)}.png",
        "first_release": None,
    }
    return Planned(**{**line, **values})


def original(post_id, data=b"", **values):
    """An optimiser's line for a PNG that was published as it was served."""
    line = {
        "id": post_id,
        "md5": md5(data),
        "file_ext": "png",
        "state": State.PUBLISHED,
        "reason": None,
        "kind": "png",
        "width": 40,
        "height": 30,
        "frames": 1,
        "served_size": len(data),
        "served_sha256": sha256(data),
        "size": len(data),
        "sha256": sha256(data),
        "tool": None,
        "proof": "as served",
        "first_release": "2018",
    }
    return Original(**{**line, **values})


def record(post_id, data=b"", **values):
    """What release 2018 says of a PNG that it published first."""
    line = {
        "id": post_id,
        "state": State.PUBLISHED,
        "change": Change.NEW,
        "reason": None,
        "rating": "g",
        "file_ext": "png",
        "md5": md5(data),
        "first_release": "2018",
    }
    return Record(**{**line, **values})


def published(post_id, data=b"", **values):
    """An original of bucket 0000 as the stage and the library have it."""
    line = {
        "set": "original",
        "path": f"original/0000/{post_id}.png",
        "library": f"original/0000/{post_id}.{md5(data)}.png",
        "size": len(data),
        "sha256": sha256(data),
        "first_release": "2018",
        "replaces": False,
    }
    return Published(**{**line, **values})


def write_file(path, data):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def contents(folder):
    """The bytes of every file below a folder, by relative path."""
    files = (file for file in folder.rglob("*") if file.is_file())
    return {file.relative_to(folder).as_posix(): file.read_bytes() for file in sorted(files)}


def inodes(folder):
    """The inode and the time of the last change of every file below a folder."""
    found = {file: file.stat() for file in folder.rglob("*") if file.is_file()}
    return {
        file.relative_to(folder).as_posix(): (stat.st_ino, stat.st_mtime_ns)
        for file, stat in found.items()
    }


def warnings(caplog):
    """The messages of what was worth a warning."""
    return [line.getMessage() for line in caplog.records if line.levelno >= logging.WARNING]


def killed(work, *, at, below):
    """Run some work in a child that dies by SIGKILL before its n-th change of a file.

    Only files below a folder count. Says whether it died; one with fewer changes ends well.
    """
    child = os.fork()
    if child == 0:
        sys.addaudithook(_killer(at, str(below)))
        try:
            work()
        except BaseException:
            os._exit(1)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    code = os.waitstatus_to_exitcode(status)
    assert code in {0, -signal.SIGKILL}
    return code != 0


def _killer(at, below):
    left = at

    def hook(event, arguments):
        nonlocal left
        if _changes_files(event, arguments) and str(arguments[0]).startswith(below):
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    return hook


def _changes_files(event, arguments):
    if event == "open":
        return bool(arguments[2] & (os.O_WRONLY | os.O_RDWR))
    return event in {"os.rename", "os.link", "os.remove"}


@contextmanager
def as_nobody():
    """A block without the rights of root, for whom no file is closed."""
    before = os.geteuid()
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)
