import pandas
import pytest
from booru_release.files import dump_json, read_json, write_lines
from booru_release.manifest import WrongSum
from booru_release.merging import merge_manifest
from booru_release.receipts import Change, State, write_receipt
from booru_release.snapshot import bucket_file
from making import published, record, write_file


class Release:
    """A release 2019 with two buckets, whose last receipts and snapshot are there."""

    def __init__(self, folder):
        self.folder = folder

    def merge(self, *records, last_id, holes, tags=None):
        for number in range(2):
            own = [line for line in records if line.id % 2 == number]
            write_receipt(self.folder / "checksum" / f"000{number}.jsonl.gz", own)
            posts = [post(line.id, (tags or {}).get(line.id, "")) for line in own]
            write_lines(bucket_file(self.folder / "metadata", f"000{number}"), posts)
        snapshot = {"last_id": last_id, "holes": holes, "posts": 0, "rows": {}, "sha256": {}}
        write_file(self.folder / "metadata" / "snapshot.json", dump_json(snapshot))
        merge_manifest(
            self.folder / "checksum",
            self.folder / "metadata",
            release="2019",
            buckets=2,
            manifest=self.folder / "manifest.parquet",
            accounts=self.folder / "accounts.json",
            figures=self.folder / "figures.json",
        )
        return self

    @property
    def manifest(self):
        return pandas.read_parquet(self.folder / "manifest.parquet")

    @property
    def accounts(self):
        return read_json(self.folder / "accounts.json")

    @property
    def figures(self):
        return read_json(self.folder / "figures.json")


@pytest.fixture
def release(tmp_path):
    return Release(tmp_path)


def post(post_id, tags):
    return {"id": post_id, "created_at": "2018-01-01T00:00:00Z", "tag_string": tags}


def filed(post_id, data, **values):
    file = published(post_id, data, **values)
    small = published(post_id, b"small", set="sfw", path=f"sfw/{post_id}.jpg", **values)
    return record(post_id, data, files=(file, small), change=Change.UNCHANGED)


def test_the_manifest_has_a_row_for_each_id_that_is_no_hole(release):
    release.merge(filed(4, b"four"), filed(1, b"one"), filed(2, b"2"), last_id=5, holes=2)
    assert list(release.manifest["id"]) == [2, 4, 1]
    assert release.accounts["hole"] == 2
    assert release.figures["last_id"] == 5


def test_the_figures_count_files_and_bytes_and_what_is_new_of_them(release):
    release.merge(filed(1, b"one"), filed(2, b"two!", first_release="2019"), last_id=2, holes=0)
    assert release.figures["sets"] == {
        "original": {"files": 2, "bytes": 7, "new_files": 1, "new_bytes": 4},
        "sfw": {"files": 2, "bytes": 10, "new_files": 1, "new_bytes": 5},
    }


def test_the_figures_count_the_tags_of_published_posts_alone(release):
    tags = {1: "sky sea sky", 2: "sky", 3: "secret"}
    banned = record(3, state=State.BANNED)
    release.merge(filed(1, b"one"), filed(2, b"two"), banned, last_id=3, holes=0, tags=tags)
    assert release.figures["tags"] == {"instances": 3, "distinct": 2, "mean_per_image": 1.5}


def test_a_release_without_images_has_figures_too(release):
    release.merge(record(1, state=State.BANNED), last_id=1, holes=0)
    assert release.figures == {
        "last_id": 1,
        "sets": {},
        "tags": {"instances": 0, "distinct": 0, "mean_per_image": 0},
    }


def test_a_withdrawn_post_above_the_last_one_of_the_site_is_counted(release):
    gone = record(7, state=State.WITHDRAWN, change=Change.GONE)
    release.merge(filed(1, b"one"), gone, last_id=4, holes=3)
    assert release.figures["last_id"] == 7
    assert (release.accounts["withdrawn"], release.accounts["hole"]) == (1, 5)


def test_a_sum_that_is_wrong_leaves_nothing_behind(release):
    with pytest.raises(WrongSum, match="1 posts and 0 holes do not add up to the last ID, 2"):
        release.merge(filed(1, b"one"), last_id=2, holes=0)
    files = [file.name for file in release.folder.iterdir() if file.is_file()]
    assert files == []


def test_the_same_receipts_give_the_same_bytes(release, tmp_path):
    files = ("manifest.parquet", "accounts.json", "figures.json")
    release.merge(filed(1, b"one"), filed(2, b"two"), last_id=2, holes=0)
    before = [(release.folder / name).read_bytes() for name in files]
    other = Release(tmp_path / "other")
    other.merge(filed(2, b"two"), filed(1, b"one"), last_id=2, holes=0)
    assert [(other.folder / name).read_bytes() for name in files] == before
