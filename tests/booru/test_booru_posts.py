"""A post as JSON, against an object that the real site sent in July 2023."""

import json
from pathlib import Path

import pytest

# curl https://danbooru.donmai.us/posts/2552401.json, in July 2023
LIVE_BYTES = Path(__file__).with_name("data").joinpath("post_2552401.json").read_bytes()
LIVE = json.loads(LIVE_BYTES)
MD5 = LIVE["md5"]
# What a corpus has to say of that post; the rest follows from it.
DERIVED = {
    "tag_string",
    "has_large",
    "has_visible_children",
    "file_url",
    "large_file_url",
    "preview_file_url",
}


def given(post, **changes):
    """A line of posts.jsonl that says only what cannot be computed."""
    kept = {
        name: value
        for name, value in post.items()
        if name not in DERIVED and not name.startswith("tag_count")
    }
    asset = {name: value for name, value in post["media_asset"].items() if name != "variants"}
    return {**kept, "media_asset": asset, **changes}


@pytest.fixture
def served(make_corpus, visiting):
    def serve(post):
        folder = make_corpus(post)
        with visiting(folder, image_base="https://cdn.donmai.us") as visitor:
            return visitor.json(f"/posts/{post['id']}.json")

    return serve


def sized(width, height, ext="png", **changes):
    return given(LIVE, image_width=width, image_height=height, file_ext=ext) | {
        "tag_string_meta": "",
        "media_asset": {},
        **changes,
    }


def test_the_live_post_comes_back_field_by_field(served):
    assert served(given(LIVE)) == LIVE


def test_the_live_post_comes_back_byte_for_byte(make_corpus, visiting):
    folder = make_corpus(given(LIVE))
    with visiting(folder, image_base="https://cdn.donmai.us") as visitor:
        assert visitor.get("/posts/2552401.json").body == LIVE_BYTES


def test_posts_of_the_pack_have_the_types_of_the_live_one(site):
    nullable = {"parent_id", "last_noted_at", "approver_id", "pixiv_id", "duration"}
    for name, value in site.json("/posts/5.json").items():
        assert name in nullable or type(value) is type(LIVE[name]), name


def test_every_post_of_the_pack_has_the_fields_of_the_live_one(site):
    names = list(LIVE)
    asset_names = list(LIVE["media_asset"])
    for post in site.all_posts("2018-12-31").values():
        if not post["is_banned"]:
            assert list(post) == names
            assert list(post["media_asset"]) == asset_names
            assert list(post["media_asset"]["variants"][0]) == [
                "type",
                "url",
                "width",
                "height",
                "file_ext",
            ]


# https://danbooru.donmai.us/media_assets/35394309
def test_variants_have_the_sizes_of_the_site(served):
    post = served(sized(1867, 2132))
    assert [(v["type"], v["width"], v["height"]) for v in post["media_asset"]["variants"]] == [
        ("180x180", 158, 180),
        ("360x360", 315, 360),
        ("720x720", 631, 720),
        ("sample", 850, 971),
        ("original", 1867, 2132),
    ]


# A large_file_url that the site sent in July 2023, of a PNG with 6222x3500 pixels.
def test_a_wide_image_has_a_sample(served):
    md5 = "74bb69060b24bc3a34d7be95c4268d78"
    post = served(sized(6222, 3500, md5=md5))
    assert post["has_large"] is True
    assert post["large_file_url"] == f"https://cdn.donmai.us/sample/74/bb/sample-{md5}.jpg"
    assert post["file_url"] == f"https://cdn.donmai.us/original/74/bb/{md5}.png"


@pytest.mark.parametrize(("width", "large"), [(850, False), (851, True)])
def test_a_sample_begins_above_850_pixels(served, width, large):
    post = served(sized(width, 10))
    assert post["has_large"] is large
    assert ("sample" in [v["type"] for v in post["media_asset"]["variants"]]) is large


def test_an_ugoira_has_a_film_as_its_sample(served):
    post = served(sized(600, 500, "zip", tag_string_meta="animated ugoira"))
    assert post["has_large"] is True
    assert post["large_file_url"].endswith(f"/sample/27/8c/sample-{MD5}.webm")
    assert [v["type"] for v in post["media_asset"]["variants"]][-2:] == ["sample", "original"]


def test_a_wide_animation_has_no_sample(served):
    post = served(sized(1000, 500, "gif", tag_string_meta="animated animated_gif"))
    assert post["has_large"] is False
    assert [v["type"] for v in post["media_asset"]["variants"]][-2:] == ["720x720", "original"]


def test_a_still_webp_is_offered_whole_as_jpeg(served):
    variants = served(sized(300, 200, "webp"))["media_asset"]["variants"]
    assert [v["type"] for v in variants] == ["180x180", "360x360", "720x720", "full", "original"]


def test_flash_has_only_its_original(served):
    post = served(sized(550, 400, "swf"))
    assert [v["type"] for v in post["media_asset"]["variants"]] == ["original"]
    assert post["preview_file_url"].endswith("/images/flash-preview.png")


def test_a_banned_post_hides_its_file_and_nothing_else(served):
    post = served(given(LIVE, is_banned=True))
    hidden = {"md5", "file_url", "large_file_url", "preview_file_url"}
    assert list(post) == [name for name in LIVE if name not in hidden]
    asset = [name for name in LIVE["media_asset"] if name not in {"md5", "file_key", "variants"}]
    assert list(post["media_asset"]) == asset
    assert (post["is_banned"], post["tag_string"]) == (True, LIVE["tag_string"])


def test_a_post_that_was_collected_when_banned_can_be_served(served):
    post = given(LIVE, is_banned=True)
    del post["md5"]
    assert "md5" not in served(post)


def test_a_deleted_post_keeps_its_addresses(served):
    post = served(given(LIVE, is_deleted=True))
    assert post["is_deleted"] is True
    assert post["file_url"] == LIVE["file_url"]


def test_a_corpus_may_say_next_to_nothing(served):
    names = ("id", "created_at", "rating", "md5", "file_ext", "file_size", "tag_string")
    sizes = {"image_width": 500, "image_height": 708}
    post = served({name: LIVE[name] for name in names} | sizes)
    assert list(post) == list(LIVE)
    assert post["tag_string"] == post["tag_string_general"] == LIVE["tag_string"]


def test_addresses_are_relative_so_that_metadata_is_the_same_on_every_port(site):
    post = site.json("/posts/5.json")
    md5 = post["md5"]
    assert post["file_url"] == f"/original/{md5[:2]}/{md5[2:4]}/{md5}.png"


def test_parents_know_their_children(site):
    parent, child = site.json("/posts/39.json"), site.json("/posts/40.json")
    assert child["parent_id"] == 39
    assert parent["has_children"] is parent["has_active_children"] is True
    assert child["has_children"] is False


def test_only_the_wanted_fields_are_sent(site):
    post = site.json("/posts/5.json?only=rating,id,no_such_field")
    assert list(post.items()) == [("id", 5), ("rating", post["rating"])]


def test_wanted_fields_can_be_nested(site):
    post = site.json("/posts/5.json?only=media_asset[md5,variants[type,width]],id")
    assert list(post) == ["id", "media_asset"]
    assert list(post["media_asset"]) == ["md5", "variants"]
    assert post["media_asset"]["variants"][0] == {"type": "180x180", "width": 180}


def test_nothing_but_unknown_fields_leaves_an_empty_object(site):
    assert site.json("/posts/5.json?only=nothing") == {}


@pytest.mark.parametrize("only", ["]", "[", "[[a]]]", "id,,", "media_asset[md5"])
def test_odd_brackets_do_no_harm(site, only):
    assert site.get(f"/posts/5.json?only={only}").status == 200


def test_json_is_compact_and_its_letters_are_not_escaped(site):
    body = site.get("/artist_commentaries/1.json").body.decode()
    assert '"original_title":"丘と風船"' in body
    assert '": ' not in body
