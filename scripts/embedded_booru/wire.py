"""A post as JSON: the fields of today's /posts.json in their order."""

from __future__ import annotations

from embedded_booru.models import Json, Post
from embedded_booru.moments import on_the_wire
from embedded_booru.variants import has_large, variant_url, variants

HIDDEN_WHEN_BANNED = ("md5", "file_url", "large_file_url", "preview_file_url")
HIDDEN_IN_ASSET = ("md5", "file_key", "variants")


def post_object(post: Post, image_base: str) -> Json:
    """Return a post as the site sends it to a visitor."""
    whole = {
        **_columns(post),
        "has_large": has_large(post),
        "has_visible_children": post.has_active_children or (post.has_children and post.is_deleted),
        "media_asset": _asset_object(post, image_base),
        "tag_string_general": " ".join(post.tags.general),
        "tag_string_character": " ".join(post.tags.character),
        "tag_string_copyright": " ".join(post.tags.copyright),
        "tag_string_artist": " ".join(post.tags.artist),
        "tag_string_meta": " ".join(post.tags.meta),
        **_urls(post, image_base),
    }
    return _without(whole, HIDDEN_WHEN_BANNED) if post.is_banned else whole


def _without(whole: Json, hidden: tuple[str, ...]) -> Json:
    return {name: value for name, value in whole.items() if name not in hidden}


def _columns(post: Post) -> Json:
    asset, tags = post.asset, post.tags
    return {
        "id": post.id,
        "created_at": on_the_wire(post.created_at),
        "uploader_id": post.uploader_id,
        "score": post.score,
        "source": post.source,
        "md5": asset.md5,
        "last_comment_bumped_at": post.last_comment_bumped_at,
        "rating": post.rating,
        "image_width": asset.width,
        "image_height": asset.height,
        "tag_string": " ".join(tags.names),
        "fav_count": post.fav_count,
        "file_ext": asset.ext,
        "last_noted_at": post.last_noted_at,
        "parent_id": post.parent_id,
        "has_children": post.has_children,
        "approver_id": post.approver_id,
        "tag_count_general": len(tags.general),
        "tag_count_artist": len(tags.artist),
        "tag_count_character": len(tags.character),
        "tag_count_copyright": len(tags.copyright),
        "file_size": asset.size,
        **_later_columns(post),
    }


def _later_columns(post: Post) -> Json:
    return {
        "up_score": post.up_score,
        "down_score": post.down_score,
        "is_pending": post.is_pending,
        "is_flagged": post.is_flagged,
        "is_deleted": post.is_deleted,
        "tag_count": len(post.tags.names),
        "updated_at": on_the_wire(post.updated_at),
        "is_banned": post.is_banned,
        "pixiv_id": post.pixiv_id,
        "last_commented_at": post.last_commented_at,
        "has_active_children": post.has_active_children,
        "bit_flags": post.bit_flags,
        "tag_count_meta": len(post.tags.meta),
    }


def _asset_object(post: Post, image_base: str) -> Json:
    asset = post.asset
    whole = {
        "id": asset.id,
        "created_at": on_the_wire(asset.created_at),
        "updated_at": on_the_wire(asset.updated_at),
        "md5": asset.md5,
        "file_ext": asset.ext,
        "file_size": asset.size,
        "image_width": asset.width,
        "image_height": asset.height,
        "duration": asset.duration,
        "status": "active",
        "file_key": asset.key,
        "is_public": not post.is_banned,
        "pixel_hash": asset.pixel_hash,
        "variants": variants(post, image_base),
    }
    return _without(whole, HIDDEN_IN_ASSET) if post.is_banned else whole


def _urls(post: Post, base: str) -> Json:
    asset = post.asset
    original = variant_url(base, "original", asset, asset.ext)
    sample_ext = "webm" if asset.ext == "zip" else "jpg"
    sample = variant_url(base, "sample", asset, sample_ext)
    preview = variant_url(base, "180x180", asset, "jpg")
    return {
        "file_url": original,
        "large_file_url": sample if has_large(post) else original,
        "preview_file_url": (f"{base}/images/flash-preview.png" if asset.ext == "swf" else preview),
    }
