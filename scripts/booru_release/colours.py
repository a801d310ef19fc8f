"""From the pixels of any kind of image to 8-bit sRGB."""

from functools import lru_cache
from io import BytesIO

from PIL import Image, ImageCms

# The mode of the colours that a profile of each kind describes.
PROFILE_MODES = {"GRAY": "L", "RGB": "RGB", "CMYK": "CMYK"}
PLAIN_MODES = frozenset({"L", "LA", "RGB", "RGBA", "CMYK"})


class BadProfile(ValueError):
    """A colour profile is damaged, or is one for another kind of colours."""


def plain(image: Image.Image) -> Image.Image:
    """The image with 8 bits a channel and without palette, its transparency as a channel."""
    if image.mode.startswith("I;16"):
        return from_16_bits(image)
    if "transparency" in image.info or image.mode == "PA":
        return image.convert("RGBA")
    if image.mode in PLAIN_MODES:
        return image
    return image.convert("L" if image.mode == "1" else "RGB")


def from_16_bits(image: Image.Image) -> Image.Image:
    """Grey of 16 bits as the upper 8 of them: Pillow's own conversion turns most of it white."""
    wide, key = image.convert("I"), image.info.get("transparency")
    grey = wide.point([value >> 8 for value in range(1 << 16)], "L")
    if key is None:
        return grey
    alpha = wide.point([255 * (value != key) for value in range(1 << 16)], "L")
    return Image.merge("LA", (grey, alpha))


def to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """A plain image as RGB or RGBA, its colours moved from their profile to sRGB.

    Raises:
        BadProfile: the profile cannot be used.
    """
    alpha = image.getchannel("A") if image.has_transparency_data else None
    colours = image.convert(image.mode.removesuffix("A")) if alpha else image
    if profile:
        colours = apply_profile(colours, profile)
    colours = colours.convert("RGB")
    if alpha:
        colours.putalpha(alpha)
    return colours


def apply_profile(colours: Image.Image, profile: bytes) -> Image.Image:
    """An image of grey, RGB or CMYK as sRGB.

    Raises:
        BadProfile: the profile cannot be used.
    """
    try:
        mode, transform = transform_to_srgb(profile)
    except (ImageCms.PyCMSError, OSError, ValueError, LookupError) as error:
        raise BadProfile(str(error)) from error
    # Grey images often carry a profile for colours; the reverse makes no sense.
    if mode != colours.mode and (colours.mode, mode) != ("L", "RGB"):
        raise BadProfile(f"a profile for {mode} on {colours.mode}")
    return transform.apply(colours.convert(mode))


@lru_cache(maxsize=32)
def transform_to_srgb(profile: bytes) -> tuple[str, ImageCms.ImageCmsTransform]:
    """The mode that a profile describes, and the way from there; most images share a few profiles.

    Raises:
        PyCMSError, OSError, LookupError: it is damaged, or of a kind that no image has.
    """
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    mode = PROFILE_MODES[source.profile.xcolor_space.strip()]
    target = ImageCms.createProfile("sRGB")
    return mode, ImageCms.buildTransform(source, target, mode, "RGB")
