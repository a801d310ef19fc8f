"""What a file is by its first bytes, and which extensions the site uses; imports nothing."""

IMAGE_TYPES = frozenset({"jpeg", "png", "gif", "webp", "bmp", "avif"})
IMAGE_EXTENSIONS = frozenset({"avif", "bmp", "gif", "jpeg", "jpg", "png", "webp"})
EXTENSIONS = IMAGE_EXTENSIONS | frozenset(
    {"avi", "html", "mp3", "mp4", "mpg", "pdf", "rar", "swf", "webm", "wmv", "zip"}
)

# The first match wins. Sources: the formats' own specifications.
SIGNATURES = (
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"\x1aE\xdf\xa3", "webm"),
    (b"FWS", "swf"),
    (b"CWS", "swf"),
    (b"ZWS", "swf"),
    (b"%PDF-", "pdf"),
    (b"Rar!\x1a\x07", "rar"),
    (b"0&\xb2u\x8ef\xcf\x11", "wmv"),
    (b"\x00\x00\x01\xba", "mpg"),
    (b"\x00\x00\x01\xb3", "mpg"),
    (b"ID3", "mp3"),
    (b"\xff\xfb", "mp3"),
)
RIFF_FORMS = {b"WEBP": "webp", b"AVI ": "avi"}
AVIF_BRANDS = frozenset({b"avif", b"avis"})
HTML_STARTS = (b"<!doctype html", b"<html")
BYTE_ORDER_MARK = b"\xef\xbb\xbf"


def sniff(head: bytes) -> str | None:
    """The type that the first bytes of a file show (512 are enough), or nothing if unknown."""
    for signature, name in SIGNATURES:
        if head.startswith(signature):
            return name
    if head.startswith(b"RIFF"):
        return RIFF_FORMS.get(head[8:12])
    if head[4:8] == b"ftyp":
        return "avif" if is_avif(head) else "mp4"
    text = head[:512].removeprefix(BYTE_ORDER_MARK).lstrip().lower()
    return "html" if text.startswith(HTML_STARTS) else None


def is_avif(head: bytes) -> bool:
    """Whether a file of the MP4 family names AVIF among its brands."""
    end = min(int.from_bytes(head[:4], "big"), len(head))
    # The major brand, then four bytes of version, then the compatible brands.
    brands = {head[at : at + 4] for at in (8, *range(16, end, 4))}
    return bool(brands & AVIF_BRANDS)
