"""Send the bytes of images, whole or in part."""

from __future__ import annotations

import re
from collections.abc import Mapping

from embedded_booru.errors import no_such_page
from embedded_booru.messages import Reply, Request
from embedded_booru.view import ImageName, View

ADDRESS = re.compile(
    r"(?:/data)?/original/([0-9a-f]{2})/([0-9a-f]{2})/"
    r"(?P<slug>__.*__)?(?P<md5>\1\2[0-9a-f]{28})\.(?P<ext>[a-z0-9]+)"
)
TYPES = {
    "jpg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "avif": "image/avif",
    "bmp": "image/bmp",
    "zip": "application/zip",
    "mp4": "video/mp4",
    "webm": "video/webm",
    "swf": "application/x-shockwave-flash",
}
RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")


def is_image_path(path: str) -> bool:
    """Tell whether an address is one of a file."""
    return path.startswith(("/original/", "/data/original/"))


def image_reply(request: Request, view: View) -> Reply:
    """Return the file of that address, if a visitor may see it."""
    address = ADDRESS.fullmatch(request.path)
    name = ImageName(address["slug"] or "", address["md5"], address["ext"]) if address else None
    content = view.image(name) if name else None
    if name is None or content is None:
        raise no_such_page()
    headers = (("ETag", f'"{name.md5}"'), ("Accept-Ranges", "bytes"))
    content_type = TYPES.get(name.ext, "application/octet-stream")
    if request.headers.get("if-none-match") == f'"{name.md5}"':
        return Reply(304, b"", content_type, headers)
    return _whole_or_part(content, content_type, headers, request.headers)


def _whole_or_part(
    content: bytes,
    content_type: str,
    headers: tuple[tuple[str, str], ...],
    wishes: Mapping[str, str],
) -> Reply:
    same_file = wishes.get("if-range", headers[0][1]) == headers[0][1]
    interval = _interval(wishes.get("range", ""), len(content)) if same_file else None
    if interval is None:
        return Reply(200, content, content_type, headers)
    first, last = interval
    if first > last:
        nothing = ("Content-Range", f"bytes */{len(content)}")
        return Reply(416, b"", content_type, (*headers, nothing))
    part = ("Content-Range", f"bytes {first}-{last}/{len(content)}")
    return Reply(206, content[first : last + 1], content_type, (*headers, part))


def _interval(text: str, size: int) -> tuple[int, int] | None:
    """Return the first and last byte that are wanted; first > last means that there is none."""
    wanted = RANGE.fullmatch(text)
    if wanted is None or text == "bytes=-":
        return None
    first, last = wanted.groups()
    if not first:
        return max(0, size - int(last)), size - 1 if int(last) else -1
    if last and int(last) < int(first):
        return None
    return int(first), min(int(last or size), size - 1)
