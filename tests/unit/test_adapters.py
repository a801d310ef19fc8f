import logging
from pathlib import Path

import pandas
import pytest
from booru_release.files import read_json
from booru_release.receipts import Downloaded, read_receipt
from embedded_booru import truth
from making import SCRIPTS, contents, inodes, md5, picture

pytest_plugins = ["steps_conftest"]

YEARS = ("2018-12-31", "2019-12-31")


def test_the_adapters_alone_build_two_releases_that_verify_accepts(two_years):
    two_years.verify("2018")
    two_years.verify("2019")
    assert "all as published" in two_years.log("2019", "verify_release")


def test_every_adapter_is_run_by_these_tests(two_years):
    two_years.repair("2019")
    assert "0 files put right" in two_years.log("2019", "repair_release")
    two_years.verify("2019")
    two_years.accounts("2019")
    two_years.withdraw("2019")
    assert "nothing is to be withdrawn" in two_years.log("2019", "withdraw_release")
    assert two_years.scripts_run == {script.stem for script in SCRIPTS.glob("*.py")}


def test_each_post_meets_the_fate_that_its_history_has_for_it(two_years):
    frame = pandas.read_parquet(two_years.folder / "2019" / "manifest.parquet").set_index("id")
    fates = frame["state"].to_dict()
    assert fates == {
        **dict.fromkeys((1, 2, 4, 5, 9, 11, 13, 14, 15), "published"),
        **dict.fromkeys((6, 7), "withdrawn"),
        8: "deleted",
        10: "corrupt",
        12: "banned",
    }
    years = frame["first_release"].dropna().to_dict()
    assert years == {
        **dict.fromkeys((1, 4, 5, 9, 11), "2018"),
        **dict.fromkeys((2, 13, 14, 15), "2019"),
    }
    assert frame["reason"].dropna().to_dict().keys() == {8, 10, 12}
    assert frame.loc[2, "md5"] == md5(picture(25, "jpeg"))


def test_the_subset_has_the_safe_images_of_the_year(two_years):
    tables = {
        release: pandas.read_parquet(two_years.folder / release / "subsets" / "sfw_32px.parquet")
        for release in ("2018", "2019")
    }
    assert list(tables["2018"]["id"]) == [2, 6, 1, 5, 7, 9]
    assert list(tables["2019"]["id"]) == [2, 4, 14, 1, 9, 13]
    years = tables["2019"].set_index("id")["first_release"].to_dict()
    assert years == {1: "2018", 9: "2018", 2: "2019", 4: "2019", 13: "2019", 14: "2019"}


def test_the_accounts_add_up_to_the_last_id(two_years):
    for release, last in {"2018": 12, "2019": 15}.items():
        found = read_json(two_years.folder / release / "accounts.json")
        assert sum(count for count in found.values() if isinstance(count, int)) == last


def test_the_second_release_downloads_what_is_new_and_nothing_else(two_years):
    fetched = [
        line.id
        for bucket in two_years.buckets
        for line in read_receipt(
            two_years.folder / "2019" / "receipts" / "download" / f"{bucket}.jsonl.gz", Downloaded
        )
    ]
    assert fetched == [2, 14, 13, 15]
    log = (two_years.folder / "2019" / "logs" / "embedded_booru.jsonl").read_text()
    assert log.count('"/original/') == 4


def test_the_second_release_leaves_the_first_and_the_library_as_they_were(new_workflow):
    workflow = new_workflow()
    workflow.build("2018")
    library = {folder: inodes(workflow.library.root / folder) for folder in ("original", "subsets")}
    first = contents(workflow.folder / "2018")
    workflow.build("2019")
    assert contents(workflow.folder / "2018") == first
    for folder, files in library.items():
        # A new name of a file is no change of it: only a file's bytes have their own time.
        assert files.items() <= inodes(workflow.library.root / folder).items()


def test_the_second_release_opens_no_image_of_the_first(new_workflow):
    workflow = new_workflow()
    workflow.build("2018")
    for file in workflow.library.root.rglob("*.*"):
        if file.suffix in {".png", ".jpg", ".zip"}:
            # Post 4 enters the subset in 2019, so its image is the only one that is needed.
            file.write_bytes(b"unreadable" if not file.name.startswith("4.") else file.read_bytes())
    workflow.build("2019")
    assert read_json(workflow.folder / "2019" / "accounts.json")["published"] == 9


def test_the_difference_is_the_truth_of_the_booru(two_years):
    said = read_json(two_years.folder / "2019" / "report" / "diff_2018_2019.json")
    corpus = Path(two_years.config["source"]["corpus"])
    happened = truth(*YEARS, corpus=corpus, cache=two_years.home / "drawings")
    assert {name: said[name] for name in happened} == happened


def test_running_adapters_again_gives_the_same_bytes(releases):
    before = products(releases)
    for bucket in releases.buckets:
        releases.fill("2019", bucket)
    releases.merge("2019")
    releases.torrents("2019")
    releases.finish("2019")
    assert products(releases) == before


def products(workflow):
    found = contents(workflow.folder)
    return {name: data for name, data in found.items() if "/logs/" not in name}


def test_a_download_that_fails_ends_with_1_and_names_the_posts_in_its_log(new_workflow):
    workflow = new_workflow()
    workflow.snapshot("2018")
    workflow.plan("2018", "0000")
    nowhere = {"kind": "danbooru", "url": "http://127.0.0.1:1", "attempts": 1}
    workflow.config["source"] = nowhere
    with pytest.raises(SystemExit) as end:
        workflow.download("2018", "0000")
    assert end.value.code == 1
    log = workflow.log("2018", "download_bucket")
    assert "ERROR bucket 0000: 4 posts failed\n  post 2: " in log
    assert "hint: run the same command again: it tries only these" in log
    assert "Traceback" not in log
    own = workflow.folder / "2018"
    assert not (own / "receipts" / "download").exists()


def test_a_bad_stage_ends_with_1_and_is_named_in_the_log(releases):
    (releases.folder / "2018" / "stage" / "original" / "0001" / "1.png").unlink()
    with pytest.raises(SystemExit) as end:
        releases.verify("2018")
    assert end.value.code == 1
    assert "missing: original/0001/1.png" in releases.log("2018", "verify_release")
    releases.repair("2018")
    releases.verify("2018")


def test_a_name_that_is_no_text_is_in_the_log_all_the_same(releases, monkeypatch):
    # What pytest captures has to be text when several processes share the tests.
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    (releases.folder / "2018" / "stage" / "stra\udcffnger").touch()
    with pytest.raises(SystemExit):
        releases.verify("2018")
    assert "extra: stra\\udcffnger\n" in releases.log("2018", "verify_release")


def test_a_changed_library_file_ends_with_1_and_is_named_in_the_log(new_workflow):
    workflow = new_workflow()
    workflow.snapshot("2018")
    for step in (workflow.plan, workflow.download, workflow.optimise, workflow.rescale):
        step("2018", "0001")
    [file] = workflow.library.root.glob("original/0001/1.*")
    file.write_bytes(b"by hand")
    with pytest.raises(SystemExit):
        workflow.checksum("2018", "0001")
    log = workflow.log("2018", "checksum_bucket")
    assert f"ERROR {file.relative_to(workflow.home)}: sha256 " in log
    assert not (workflow.folder / "2018" / "receipts" / "checksum").exists()


def test_a_source_that_is_no_corpus_is_named(new_workflow):
    workflow = new_workflow()
    workflow.config["source"] = {"kind": "embedded", "corpus": str(workflow.home)}
    with pytest.raises(SystemExit):
        workflow.snapshot("2018")
    assert "ERROR source.corpus: " in workflow.log("2018", "snapshot_site")


def test_an_unexpected_error_is_logged_with_its_traceback(releases):
    (releases.folder / "2019" / "settings" / "plan.json").write_text("{}")
    with pytest.raises(SystemExit):
        releases.plan("2019", "0000")
    log = releases.log("2019", "plan_bucket")
    assert "unexpected error; please report it with this log" in log
    assert "Traceback" in log


def test_an_adapter_leaves_no_handler_behind(releases):
    before = logging.getLogger().handlers[:]
    releases.verify("2018")
    assert logging.getLogger().handlers == before
