"""The background on which a transparent picture can be seen."""

from PIL import Image, ImageChops, ImageStat

WHITE, GREY, BLACK = 255, 128, 0
# Nearer to the background than this, a pixel is as good as invisible.
INVISIBLE = 32
# A background is bad if it hides more than this part of what there is to see.
TOO_MUCH = 0.4


def most_visible(picture: Image.Image) -> str:
    """White or black, whichever the visible pixels of an RGBA picture contrast with more.

    Grey only if white and black both hide much of it, and grey less.
    """
    luminance, alpha = picture.convert("RGB").convert("L"), picture.getchannel("A")
    visible = mean_of(alpha)
    if not visible:
        return colour_of(WHITE)
    hidden = {
        shade: mean_of(ImageChops.multiply(alpha, near(luminance, shade))) / visible
        for shade in (WHITE, GREY, BLACK)
    }
    if min(hidden[WHITE], hidden[BLACK]) > max(TOO_MUCH, hidden[GREY]):
        return colour_of(GREY)
    # Contrast with black is luminance, and with white what is missing to 255.
    on_black = mean_of(ImageChops.multiply(alpha, luminance)) / visible
    return colour_of(BLACK if on_black > 0.5 else WHITE)


def near(luminance: Image.Image, shade: int) -> Image.Image:
    """255 where the luminance is too near to a shade to be told from it, else 0."""
    return luminance.point([255 * (abs(value - shade) < INVISIBLE) for value in range(256)])


def mean_of(channel: Image.Image) -> float:
    """The mean of a channel's values."""
    return float(ImageStat.Stat(channel).mean[0])


def colour_of(shade: int) -> str:
    """A shade of grey as a colour's name."""
    return f"#{shade:02x}{shade:02x}{shade:02x}"
