import json
import socket

import pytest
from booru_release.configuration import Source
from booru_release.patience import Manners
from booru_release.site_problems import SiteDown
from booru_release.sources import NoCorpus, open_site
from web import refusal, rows


@pytest.fixture
def opened(tmp_path, drawings):
    """Open a source for the release of 2018."""
    (tmp_path / "embedded").symlink_to(drawings)

    def opened(source, as_of="2018-12-31"):
        return open_site(source, release="2018", as_of=as_of, folder=tmp_path)

    return opened


def quick(web, **more):
    return Source(
        **{
            "kind": "danbooru",
            "url": web.url,
            "requests_per_second": None,
            "attempts": 2,
            "retry_wait": 0,
            **more,
        }
    )


# The embedded booru


def test_the_embedded_booru_lives_as_long_as_the_block(opened):
    with opened(Source(kind="embedded")) as site:
        assert site.newest_post("2018-12-31") == 145
    port = int(site.url.rpartition(":")[2])
    with socket.socket() as nobody:
        assert nobody.connect_ex(("127.0.0.1", port)) != 0


def test_the_embedded_booru_shows_the_site_of_that_day(opened):
    with opened(Source(kind="embedded"), as_of="2015-02-10") as site:
        assert site.newest_post("2018-12-31") == 4


def test_the_embedded_booru_listens_on_this_machine_alone_and_has_no_budget(opened, tmp_path):
    with opened(Source(kind="embedded")) as site:
        assert site.url.startswith("http://127.0.0.1:")
        assert site.transfer.budget.per_second is None
        site.newest_post("2018-12-31")
    assert not (tmp_path / "budget").exists()


def test_the_embedded_booru_logs_its_requests_with_the_release(opened, tmp_path):
    with opened(Source(kind="embedded")) as site:
        site.newest_post("2018-12-31")
    log = tmp_path / "2018" / "logs" / "embedded_booru.jsonl"
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [(line["path"], line["status"]) for line in lines] == [
        ("/posts.json?tags=date%3A%3C%3D2018-12-31&limit=1", 200)
    ]


def test_the_embedded_booru_can_make_posts_by_formula(opened):
    with opened(Source(kind="embedded", synthetic=50), as_of="2019-12-31") as site:
        assert site.newest_post("2019-12-31") == 50


def test_a_folder_that_is_no_corpus_is_named(opened, tmp_path):
    source = Source(kind="embedded", corpus=str(tmp_path / "nothing"))
    with pytest.raises(NoCorpus, match=rf"^source.corpus: {tmp_path}/nothing: "), opened(source):
        pass


def test_a_corpus_of_another_kind_is_named(opened, tmp_path):
    corpus = tmp_path / "corpus"
    (corpus / "original").mkdir(parents=True)
    (corpus / "posts.jsonl").write_text("hello\n")
    source = Source(kind="embedded", corpus=str(corpus))
    with pytest.raises(NoCorpus, match=r"^source.corpus: "), opened(source):
        pass


# A site


def test_a_site_is_asked_as_its_source_says(web, opened):
    web.put("/posts.json", rows({"id": 7}))
    with opened(quick(web, contact="me@example.org")) as site:
        assert site.newest_post("2018-12-31") == 7
    assert web.asked[0].headers["User-Agent"].endswith("; contact: me@example.org")


def test_a_site_is_as_patient_as_its_source_says(web, opened):
    web.put("/posts.json", refusal(500))
    with opened(quick(web, attempts=4)) as site, pytest.raises(SiteDown, match="4 attempts"):
        site.newest_post("2018-12-31")
    assert len(web.asked) == 4


def test_all_that_a_source_says_reaches_the_site(web, opened):
    source = quick(
        web, image_hosts=("cdn",), timeout=7, attempts=3, retry_wait=0.5, throttled_wait=9
    )
    with opened(source) as site:
        assert site.transfer.image_hosts == ("cdn",)
        assert site.transfer.manners == Manners(
            timeout=7, attempts=3, retry_wait=0.5, throttled_wait=9
        )


def test_jobs_of_all_releases_share_the_budget_of_a_site(web, tmp_path):
    source = quick(web, requests_per_second=20)
    web.put("/posts.json", rows())
    folder = tmp_path / "budget" / f"{web.host.replace(':', '_')}.slots"
    for release in ("2018", "2019"):
        with open_site(source, release=release, as_of="2018-12-31", folder=tmp_path) as site:
            site.newest_post("2018-12-31")
    assert [*folder.parent.iterdir()] == [folder]
    assert sorted(file.name for file in folder.iterdir())[:2] == ["slot-0", "slot-1"]
    # The slots of one budget keep requests 0.9 / 20 s apart.
    assert web.asked[1].moment - web.asked[0].moment > 0.04
