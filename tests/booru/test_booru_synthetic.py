"""Posts that are made by formula."""

import hashlib
import io
import time
from collections import Counter

import pytest
from PIL import Image

COUNT = 2000


@pytest.fixture(scope="module")
def synthetic(visiting):
    with visiting(synthetic=COUNT, synthetic_pixels=40) as visitor:
        yield visitor


@pytest.fixture(scope="module")
def posts(synthetic):
    return synthetic.all_posts("2019-12-31")


def test_a_million_posts_cost_nothing_at_the_start(visiting):
    start = time.perf_counter()
    with visiting(synthetic=1_000_000) as visitor:
        assert time.perf_counter() - start < 0.2
        assert visitor.json("/posts/999999.json")["id"] == 999999


def test_files_have_the_md5_size_and_shape_that_their_posts_say(synthetic, posts):
    for post in list(posts.values())[:300]:
        content = synthetic.get(post["file_url"]).body
        assert hashlib.md5(content).hexdigest() == post["md5"]
        assert len(content) == post["file_size"]
        image = Image.open(io.BytesIO(content))
        image.load()
        assert image.size == (post["image_width"], post["image_height"])


def test_no_two_files_are_the_same(posts):
    assert len({post["md5"] for post in posts.values()}) == len(posts)


def test_a_slug_of_another_post_leads_nowhere(synthetic):
    url = synthetic.json("/posts/5.json")["file_url"]
    assert "/__synthetic_5__" in url
    assert synthetic.get(url.replace("_5__", "_6__")).status == 404
    assert synthetic.get(url.replace("__synthetic_5__", "")).status == 404


def test_one_id_in_200_is_a_hole(synthetic, posts):
    assert COUNT - len(posts) == 10
    assert synthetic.json("/counts/posts.json") == {"counts": {"posts": len(posts)}}
    assert synthetic.get("/posts/57.json").status == 404
    assert synthetic.get(f"/posts/{COUNT + 1}.json").status == 404


@pytest.mark.parametrize("year", range(2014, 2020))
def test_posts_come_at_an_even_pace(synthetic, posts, year):
    there = synthetic.all_posts(f"{year}-12-31")
    assert len(there) == pytest.approx(len(posts) * (year - 2014) / 5, abs=COUNT / 500)
    counted = synthetic.json(f"/counts/posts.json?as_of={year}-12-31")["counts"]["posts"]
    assert counted == len(there)


def test_ratings_are_mixed(posts):
    ratings = Counter(post["rating"] for post in posts.values())
    assert ratings["g"] / len(posts) == pytest.approx(0.6, abs=0.05)
    assert ratings["e"] / len(posts) == pytest.approx(0.1, abs=0.05)


def test_few_tags_are_used_often_and_many_seldom(posts):
    counts = Counter(tag for post in posts.values() for tag in post["tag_string_general"].split())
    often = [count for _, count in counts.most_common()]
    assert often[0] > 10 * often[len(often) // 4]
    assert len(often) > 1000


def test_all_tags_are_in_the_table_of_tags(synthetic, posts):
    names = set()
    while page := synthetic.json(f"/tags.json?limit=1000&page=a{len(names)}"):
        names |= {row["name"] for row in page}
    assert {tag for post in posts.values() for tag in post["tag_string"].split()} <= names


def test_a_search_far_up_starts_there(visiting):
    with visiting(synthetic=1_000_000) as visitor:
        start = time.perf_counter()
        assert visitor.ids("tags=id:>=999990&page=a0&limit=3") == [999992, 999991, 999990]
        assert len(visitor.ids("page=a900000&limit=200")) == 200
        assert time.perf_counter() - start < 1


def test_the_same_post_is_made_every_time(visiting, synthetic):
    with visiting(synthetic=COUNT, synthetic_pixels=40) as again:
        assert again.json("/posts/77.json") == synthetic.json("/posts/77.json")
