import gzip
import json
import shutil

import pandas
import pytest
from booru_release.absence import search_for, traces
from booru_release.verification import BadStage, verify_release
from making import md5, picture, write_file

pytest_plugins = ["steps_conftest"]

MD5 = md5(picture(10))


class Harm:
    """A release without post 1, into which parts of it are put back by hand."""

    def __init__(self, workflow):
        self.workflow, self.stage = workflow, workflow.folder / "2019" / "stage"

    def write(self, path, data):
        """Put a file into the stage in place of a link, so that only this name has the bytes."""
        (self.stage / path).unlink(missing_ok=True)
        write_file(self.stage / path, data)

    def traces(self):
        search = search_for(self.workflow.folder, [1])
        return [*traces(self.workflow.folder / "2019", search)]


@pytest.fixture
def harm(releases):
    releases.withdraw("2019", 1)
    return Harm(releases)


@pytest.fixture
def before(two_years):
    """The stage of 2018 with the post."""
    return two_years.folder / "2018" / "stage"


def test_a_reissued_release_has_no_trace(harm):
    assert harm.traces() == []


def test_every_place_of_a_post_is_named_before_it_is_withdrawn(releases):
    search = search_for(releases.folder, [1])
    found = [*traces(releases.folder / "2019", search)]
    places = {line.split(": ")[0] for line in found}
    assert places >= {
        *("original/0001/1.png", "32px/0001/1.jpg", "SHA256SUMS", "manifest.parquet"),
        *(f"metadata/2019/{table}.jsonl.gz" for table in ("posts", "notes", "pools")),
        *("metadata/2018/posts.jsonl.gz", "subsets/sfw_32px.parquet"),
        *("torrents/tiny-2018-original-0000-0001.torrent", "library/ledger/original/0001.jsonl"),
    }
    assert any(place.startswith("library/original/0001/1.") for place in places)


def test_a_file_is_found_by_its_name(harm):
    harm.write("512px/0001/1.webp", b"anything")
    assert harm.traces() == ["512px/0001/1.webp: a file of post 1 by its name"]


def test_a_listed_file_is_found_by_its_path_and_by_its_hash(harm, before):
    [line] = [
        row for row in (before / "SHA256SUMS").read_text().splitlines() if "0001/1.png" in row
    ]
    other = line.replace("original/0001/1.png", "elsewhere.png")
    harm.write("SHA256SUMS", f"{line}\n{other}\n".encode())
    assert harm.traces() == [
        "SHA256SUMS: original/0001/1.png, a file of post 1",
        "SHA256SUMS: elsewhere.png, a file of post 1",
    ]


def test_a_torrent_is_found_by_its_files(harm, before):
    name = "torrents/tiny-2018-original-0000-0001.torrent"
    harm.write(name, (before / name).read_bytes())
    assert harm.traces() == [f"{name}: original/0001/1.png, a file of post 1"]


@pytest.mark.parametrize(
    "row",
    [
        {"id": 99, "post_id": 1},
        {"id": 99, "post_ids": [4, 1]},
        {"id": 99, "body": "see /posts/1"},
        {"id": 99, "body": MD5},
    ],
)
def test_a_row_of_metadata_is_found_by_id_and_md5(harm, row):
    rows = gzip.compress(json.dumps(row, separators=(",", ":")).encode() + b"\n")
    harm.write("metadata/2018/notes.jsonl.gz", rows)
    place = "metadata/2018/notes.jsonl.gz"
    assert harm.traces() == [f"{place}: 1 rows mention a withdrawn post by ID or md5"]


def test_a_row_of_a_parquet_table_is_found_by_id_path_and_hash(harm):
    table = harm.stage / "subsets" / "sfw_32px.parquet"
    frame = pandas.read_parquet(table)
    frame.loc[0, ["id", "md5", "path"]] = [1, MD5, "32px/0001/1.jpg"]
    table.unlink()
    frame.to_parquet(table)
    place = "subsets/sfw_32px.parquet: the row of post 1 has a withdrawn"
    assert harm.traces() == [f"{place} id", f"{place} path", f"{place} md5"]


def test_a_manifest_may_have_the_id_and_the_state_alone(harm):
    table = harm.stage / "manifest.parquet"
    frame = pandas.read_parquet(table)
    frame.loc[frame["id"] == 1, "rating"] = "g"
    table.unlink()
    frame.to_parquet(table)
    assert harm.traces() == ["manifest.parquet: the row of post 1 has a withdrawn id"]


def test_an_index_is_found_by_a_hash_in_it(harm):
    harm.write("torrents.json", json.dumps([MD5]).encode())
    assert harm.traces() == [f"torrents.json: has the hash {MD5} of a withdrawn post"]


def test_what_the_library_has_is_found_by_its_name(harm):
    library = harm.workflow.library
    write_file(library.root / "original" / "0001" / f"1.{MD5}.png", b"anything")
    library.ledger("0001").append({"id": 1, "md5": MD5})
    assert harm.traces() == [
        f"library/original/0001/1.{MD5}.png: a file of post 1",
        "library/ledger/original/0001.jsonl: a line of post 1",
    ]


def test_bytes_are_found_under_any_name_when_a_release_is_verified(harm, before):
    harm.write("original/0000/4.png", (before / "original" / "0001" / "1.png").read_bytes())
    harm.write("stray", (before / "32px" / "0001" / "1.jpg").read_bytes())
    with pytest.raises(BadStage) as problem:
        verify_release(harm.stage.parent, "2019", threads=1, withdrawn=[1])
    assert problem.value.findings.traces == [
        "original/0000/4.png: the bytes of post 1",
        "stray: the bytes of post 1",
    ]
    assert "hint: snakemake withdraw_2019" in str(problem.value)


def test_nothing_is_looked_for_where_nothing_is_withdrawn(two_years):
    shutil.rmtree(two_years.folder / "nowhere", ignore_errors=True)
    search = search_for(two_years.folder, [])
    assert [*traces(two_years.folder / "nowhere", search)] == []


def test_a_feed_that_was_changed_in_a_stage_is_named_and_repaired(harm):
    harm.write("withdrawals.json", b"{}")
    (harm.stage / "withdrawals.pub").unlink()
    with pytest.raises(BadStage) as problem:
        verify_release(harm.stage.parent, "2019", threads=1, withdrawn=[1])
    assert problem.value.findings.lines() == ["bad: withdrawals.json", "missing: withdrawals.pub"]
    harm.workflow.repair("2019")
    harm.workflow.verify("2019")
