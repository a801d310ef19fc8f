import hashlib
import json
import logging
import re

import pytest
from booru_release.files import read_json
from booru_release.receipts import ON_REQUEST
from booru_release.verification import NotBuilt
from booru_release.withdrawing import StillServed, refuse_still_served, withdraw_release
from making import contents, inodes, killed, write_file
from searching import traces_of

pytest_plugins = ["steps_conftest"]

SERVED = re.compile(r"^\d{4}/(stage|torrents|receipts|metadata/\w+\.|report)|^library/")


def withdraw(workflow, *ids, release="2019"):
    """List posts as withdrawn, and carry it out."""
    rows = [{"id": post, "date": "2020-02-01", "reason": "the artist asked"} for post in ids]
    listed = workflow.home / "withdrawals.jsonl"
    listed.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return withdraw_release(workflow.folder, release, withdrawals=listed, threads=1)


def files_of(workflow, post_id):
    """The bytes that the library has of a post, by their sha256, and by its md5 on the site."""
    found = {}
    for path in workflow.folder.glob(f"library/**/{post_id:d}.*"):
        if path.is_file() and path.suffix in {".png", ".jpg"}:
            data = path.read_bytes()
            found |= {hashlib.sha256(data).hexdigest(): data, path.name.split(".")[1]: data}
    return found


def served(workflow):
    return {name: data for name, data in contents(workflow.folder).items() if SERVED.search(name)}


# Published in 2018 (in a pool, with a note, with a child); replaced in 2019; new in 2019; a post
# that came into the subset in 2019.
@pytest.mark.parametrize("post_id", [1, 2, 14, 4])
def test_nothing_is_left_of_a_withdrawn_post_but_its_id_in_the_manifest(releases, post_id):
    files = files_of(releases, post_id)
    assert traces_of(releases.folder, post_id, files)
    withdraw(releases, post_id)
    assert traces_of(releases.folder, post_id, files) == []
    releases.verify("2018")
    releases.verify("2019")


def test_several_posts_are_withdrawn_at_once_and_one_after_another(releases):
    files = {post: files_of(releases, post) for post in (1, 2, 14)}
    assert withdraw(releases, 1, 14) == {"2018": 2, "2019": 2}
    assert withdraw(releases, 1, 2, 14) == {"2018": 3, "2019": 3}
    for post_id, known in files.items():
        assert traces_of(releases.folder, post_id, known) == []
    releases.verify("2019")


def test_what_has_been_done_is_not_done_again_and_no_byte_changes(releases, caplog):
    withdraw(releases, 1)
    before = inodes(releases.folder)
    caplog.set_level(logging.INFO)
    assert withdraw(releases, 1) == {}
    assert "nothing is left to do" in caplog.messages[-1]
    assert (
        inodes(releases.folder).items()
        >= {name: stat for name, stat in before.items() if "locks" not in name}.items()
    )


def test_the_accounts_of_a_release_still_add_up(releases):
    before = read_json(releases.folder / "2019" / "accounts.json")
    withdraw(releases, 1, 3, 14)
    accounts = read_json(releases.folder / "2019" / "accounts.json")
    assert sum(count for count in accounts.values() if isinstance(count, int)) == 15
    assert accounts["withdrawn"] == before["withdrawn"] + 3
    # 3 never was a post: the list says more than the site does.
    assert accounts["hole"] == before["hole"] - 1
    assert read_json(releases.folder / "2019" / "release.json")["last_id"] == 15


def test_a_release_without_a_withdrawn_post_stays_as_it_is(releases):
    before = {name: data for name, data in served(releases).items() if name.startswith("2018/")}
    assert withdraw(releases, 14) == {"2019": 2}
    after = {name: data for name, data in served(releases).items() if name.startswith("2018/")}
    feed = {name for name in after if name.startswith("2018/stage/withdrawals.")}
    assert {name: after[name] for name in after.keys() - feed} == before
    assert len(feed) == 3


def test_a_later_release_follows_an_earlier_one_that_was_issued_anew(releases):
    # Banned on the site in 2019: the later release has only its earlier metadata and torrents.
    assert withdraw(releases, 6) == {"2018": 2, "2019": 2}
    before = (releases.folder / "2018" / "release.json").read_bytes()
    description = read_json(releases.folder / "2019" / "release.json")
    assert description["previous"]["sha256"] == hashlib.sha256(before).hexdigest()
    assert "tiny-2018-original-0000-0001" in description["superseded"]


def test_only_torrents_that_had_the_post_are_issued_anew(releases):
    before = contents(releases.folder / "2018" / "torrents")
    # Sensitive until 2019, so the subset's torrent of 2018 has nothing of it.
    withdraw(releases, 4)
    after = contents(releases.folder / "2018" / "torrents")
    assert sorted(after) == [
        "tiny-2018-metadata-r2.torrent",
        "tiny-2018-original-0000-0001-r2.torrent",
        "tiny-2018-sfw_32px-0000-0001.torrent",
    ]
    kept = "tiny-2018-sfw_32px-0000-0001.torrent"
    assert after[kept] == before[kept]


def test_a_release_that_is_not_finished_cannot_be_withdrawn_from(releases):
    with pytest.raises(NotBuilt):
        withdraw(releases, 1, release="2020")


def test_without_a_list_nothing_is_to_be_done(releases):
    before = inodes(releases.folder)
    none = releases.home / "withdrawals.jsonl"
    assert withdraw_release(releases.folder, "2018", withdrawals=none, threads=1) == {}
    assert inodes(releases.folder) == before


def test_a_file_that_was_put_back_is_named_and_taken_out_again(releases):
    [file] = releases.folder.glob("library/original/0001/1.*")
    data = file.read_bytes()
    withdraw(releases, 1)
    write_file(releases.folder / "2019" / "stage" / "original" / "0001" / "1.png", data)
    with pytest.raises(SystemExit):
        releases.verify("2019")
    log = releases.log("2019", "verify_release")
    assert "withdrawn: original/0001/1.png: the bytes of post 1" in log
    assert "withdrawn: original/0001/1.png: a file of post 1 by its name" in log
    assert "hint: snakemake withdraw_2019" in log
    withdraw(releases, 1)
    releases.verify("2019")


def test_repair_brings_no_withdrawn_post_back(releases):
    files = files_of(releases, 1)
    withdraw(releases, 1)
    table = releases.folder / "2019" / "metadata" / "posts.jsonl.gz"
    (releases.folder / "2019" / "stage" / "metadata" / "posts.jsonl.gz").unlink()
    table.write_bytes(b"harmed")
    releases.repair("2019")
    releases.verify("2019")
    assert traces_of(releases.folder, 1, files) == []


def test_the_next_release_refuses_to_take_over_what_is_withdrawn(releases):
    write_file(releases.folder / "2020" / "settings" / "withdrawals.json", b"[1]")
    with pytest.raises(StillServed, match=r"(?s)release 2018: .* 1\n.*snakemake withdraw_2018"):
        refuse_still_served(releases.folder, "2020", ["2018", "2019"])
    withdraw(releases, 1)
    refuse_still_served(releases.folder, "2020", ["2018", "2019"])


def test_a_post_that_is_withdrawn_before_its_release_never_gets_in(new_workflow):
    workflow = new_workflow()
    workflow.build("2018")
    files = files_of(workflow, 1)
    workflow.snapshot("2019")
    for bucket in workflow.buckets:
        workflow.fill("2019", bucket)
    files_of_new = files_of(workflow, 14)
    assert files_of_new
    workflow.withdraw("2018", 1, 14)
    workflow.build("2019")
    assert traces_of(workflow.folder, 1, files) == []
    assert traces_of(workflow.folder, 14, files_of_new) == []
    workflow.verify("2019")
    assert read_json(workflow.folder / "2019" / "accounts.json")["withdrawn"] == 4
    assert ON_REQUEST not in (workflow.folder / "2019" / "stage" / "accounts.json").read_text()


def test_the_site_is_not_asked_again_for_what_is_withdrawn(new_workflow):
    workflow = new_workflow()
    workflow.build("2018")
    workflow.withdraw("2018", 1)
    workflow.build("2019")
    assert not [*workflow.folder.glob("library/*/0001/1.*")]
    log = (workflow.folder / "2019" / "logs" / "embedded_booru.jsonl").read_text()
    assert "/original/" in log
    md5 = json.loads((workflow.folder / "withdrawn.jsonl").read_text())["md5s"]
    assert len(md5) == 1
    assert md5[0] not in log


def test_a_reissued_release_is_what_a_build_without_the_post_makes(new_workflow, releases):
    """But for the names of the torrents, and what tells that it was issued anew."""
    withdraw(releases, 1, 2, 14)
    fresh = new_workflow()
    fresh.config["withdrawals"] = str(releases.home / "withdrawals.jsonl")
    fresh.build("2018")
    fresh.build("2019")
    for release in ("2018", "2019"):
        one, two = (contents(each.folder / release / "stage") for each in (releases, fresh))
        told = ("torrents", "withdrawals.", "SHA256SUMS", "release.json")
        assert {n: d for n, d in one.items() if not n.startswith(told)} == {
            n: d for n, d in two.items() if not n.startswith(told)
        }
        hashes = [
            sorted(read_json(each.folder / release / "release.json")["torrents"].values())
            for each in (releases, fresh)
        ]
        assert hashes[0] == hashes[1]


@pytest.mark.long
def test_a_withdrawal_that_is_killed_anywhere_goes_on_and_ends_with_the_same_bytes(
    two_years, tmp_path
):
    def copy(name):
        import subprocess

        (tmp_path / name).mkdir()
        subprocess.run(["cp", "-a", two_years.folder, tmp_path / name], check=True)
        return two_years.moved(tmp_path / name)

    whole = copy("whole")
    write_file(whole.folder / "keys" / "feed.pem", KEY)
    assert withdraw(whole, 1, 2, 14) == {"2018": 2, "2019": 2}
    wanted, step, died = served(whole), 0, True
    while died:
        step += 7
        killing = copy(f"killed-{step}")
        write_file(killing.folder / "keys" / "feed.pem", KEY)
        before = {name: contents(killing.folder / name / "stage") for name in ("2018", "2019")}
        died = killed(lambda each=killing: withdraw(each, 1, 2, 14), at=step, below=killing.home)
        for release, stage in before.items():
            # Whatever is served is whole: the old stage or the new one, but for the feed.
            now = contents(killing.folder / release / "stage")
            assert without_feed(now) in (without_feed(stage), stage_of(wanted, release))
        withdraw(killing, 1, 2, 14)
        assert served(killing) == wanted
    assert step > 100


# openssl genpkey -algorithm ed25519
KEY = b"""-----BEGIN PRIVATE KEY-----
MC4CAQAwBQYDK2VwBCIEIKN6QnSXpf9ImFZVcOA0eMoFW0MTuCOxQ1RDPXGvl1Sj
-----END PRIVATE KEY-----
"""


def without_feed(stage):
    return {name: data for name, data in stage.items() if not name.startswith("withdrawals.")}


def stage_of(everything, release):
    start = f"{release}/stage/"
    stage = {n.removeprefix(start): d for n, d in everything.items() if n.startswith(start)}
    return without_feed(stage)
