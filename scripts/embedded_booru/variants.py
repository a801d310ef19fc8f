"""The smaller versions that the site offers of each file: their names and sizes."""

from __future__ import annotations

from collections.abc import Iterator

from embedded_booru.models import Asset, Json, Post

IMAGES = ("jpg", "png", "gif", "webp", "avif")
THUMBNAILS = (("180x180", 180, "jpg"), ("360x360", 360, "jpg"), ("720x720", 720, "webp"))
SAMPLE_WIDTH = 850


def fit(width: int, height: int, max_width: float, max_height: float) -> tuple[int, int]:
    """Return the size of an image that is made to fit a box, never enlarged."""
    if width <= max_width and height <= max_height:
        return width, height
    scale = min(max_width / width, max_height / height)
    return int(width * scale + 0.5), int(height * scale + 0.5)


def is_animated(post: Post) -> bool:
    """Tell whether a post moves, as far as the site knows."""
    return post.asset.duration is not None or "animated" in post.tags.meta


def has_large(post: Post) -> bool:
    """Tell whether the site offers a sample beside the original."""
    if {"animated_gif", "animated_png"} & set(post.tags.meta):
        return False
    return post.asset.ext == "zip" or (post.asset.ext in IMAGES and post.asset.width > SAMPLE_WIDTH)


def variant_url(base: str, kind: str, asset: Asset, ext: str) -> str:
    """Return the address of a version of a file."""
    sample = "sample-" if kind == "sample" else ""
    slug = asset.slug if kind == "original" else ""
    return f"{base}/{kind}/{asset.md5[:2]}/{asset.md5[2:4]}/{slug}{sample}{asset.md5}.{ext}"


def _sizes(post: Post) -> Iterator[tuple[str, int, int, str]]:
    asset, animated = post.asset, is_animated(post)
    if asset.ext != "swf":
        for kind, side, ext in THUMBNAILS:
            yield kind, *fit(asset.width, asset.height, side, side), ext
    if asset.ext == "zip":
        yield "sample", asset.width, asset.height, "webm"
    elif asset.ext in IMAGES and asset.width > SAMPLE_WIDTH and not animated:
        yield "sample", *fit(asset.width, asset.height, SAMPLE_WIDTH, float("inf")), "jpg"
    if asset.ext in ("webp", "avif") and not animated:
        yield "full", asset.width, asset.height, "jpg"
    yield "original", asset.width, asset.height, asset.ext


def variants(post: Post, base: str) -> list[Json]:
    """Return the versions of a post's file in the order of the site."""
    return [
        {
            "type": kind,
            "url": variant_url(base, kind, post.asset, ext),
            "width": width,
            "height": height,
            "file_ext": ext,
        }
        for kind, width, height, ext in _sizes(post)
    ]
