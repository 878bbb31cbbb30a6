"""Makes pictures that Etsy takes of pictures that it does not: webp, avif, bmp, CMYK, too large.

What Etsy takes goes through byte for byte. The same bytes always become the same bytes.
"""

from io import BytesIO
from threading import BoundedSemaphore

from PIL import Image, ImageCms, ImageOps

from awin_medusa_pipeline.core.images import ImageError, Picture

ETSY_TYPES = ("image/jpeg", "image/png", "image/gif")
LARGEST_IMAGE = 10 * 1024 * 1024
"""Bytes. Etsy: jpg, png and gif up to 10 MB."""
LARGEST_SOURCE = 50 * 1024 * 1024
"""Bytes of a picture that is worth fetching to make it smaller."""
SMALLEST_SIDE = 11
"""Pixels. Etsy refuses a width or height of 10 and less; feeds have pixels that only count views."""
LONGEST_SIDE = 10_000
"""Pixels. Etsy does not say how many are too many; it recommends 2,000 and shows less than 4,000."""
SIDE_WHEN_SMALLER = 4_000
MOST_PIXELS = Image.MAX_IMAGE_PIXELS or 89_478_485
"""Pillow's own limit, 89 million: a file of some kB can hold more, and would fill the memory. So many take 7 s
(measured with AVIF)."""
MOST_SCANS = 100
"""A progressive JPEG has about ten. Each costs a pass over the whole picture, so a small file can take hours."""

_FORMATS = ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")
_SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB"))
_QUALITY = 92
_OTHER, _SMALLER = "Give the product another image.", "Use a smaller image."
# One large picture takes some hundred MB while it is decoded.
_decoding = BoundedSemaphore(2)


def for_etsy(picture: Picture, address: str) -> Picture:
    """Return the picture as Etsy takes it: itself where it does, else a JPEG, or a PNG where parts are transparent.

    A picture that moves is its first one where it has to be converted. Raises ImageError for one that is broken, cut
    off, too small, or too large to be decoded.
    """
    tried = f"Reading the image {address}"
    if picture.kind == "image/jpeg" and picture.content.count(b"\xff\xda") > MOST_SCANS:
        raise ImageError(tried, f"it has more than {MOST_SCANS} scans", _OTHER)
    with _decoding:
        try:
            with Image.open(BytesIO(picture.content), formats=_FORMATS) as opened:
                _check_size(opened, tried)
                opened.load()
                if _is_taken(picture, opened):
                    return picture
                return _convert(opened)
        except ImageError:
            raise
        except Image.DecompressionBombError:
            raise ImageError(tried, f"it has more than {MOST_PIXELS:,} pixels", _SMALLER) from None
        except Exception:  # Pillow's decoders raise anything for a broken file
            raise ImageError(tried, f"the {picture.kind} is broken or cut off", _OTHER) from None


def _check_size(image: Image.Image, tried: str) -> None:
    if image.width * image.height > MOST_PIXELS:
        raise ImageError(tried, f"it has more than {MOST_PIXELS:,} pixels", _SMALLER)
    if min(image.size) < SMALLEST_SIDE:
        size = f"it has {image.width:,} x {image.height:,} pixels, and Etsy takes more than 10 each way"
        raise ImageError(tried, size, _OTHER)


def _is_taken(picture: Picture, image: Image.Image) -> bool:
    return (
        picture.kind in ETSY_TYPES
        and len(picture.content) <= LARGEST_IMAGE
        and image.mode != "CMYK"
        and max(image.size) <= LONGEST_SIDE
    )


def _convert(source: Image.Image) -> Picture:
    """Make a JPEG or PNG: upright, in sRGB, and as large as Etsy takes it."""
    image = _in_srgb(ImageOps.exif_transpose(source))
    if max(image.size) > LONGEST_SIDE:
        image.thumbnail((SIDE_WHEN_SMALLER, SIDE_WHEN_SMALLER), Image.Resampling.LANCZOS)
    while True:
        made = _encode(image)
        if len(made.content) <= LARGEST_IMAGE:
            return made
        width, height = (max(SMALLEST_SIDE, side * 3 // 4) for side in image.size)
        image = image.resize((width, height), Image.Resampling.LANCZOS)


def _in_srgb(image: Image.Image) -> Image.Image:
    """Return the picture in mode RGB, or RGBA where parts are transparent, in colours that need no profile."""
    profile = image.info.get("icc_profile")
    if image.mode.startswith("I"):
        # 16 bits a pixel, which Pillow would cut off at 255.
        image = image.convert("I").point(lambda level: level / 256).convert("L")
    if image.mode in ("P", "PA", "LA", "La", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
    elif image.mode not in ("RGB", "RGBA", "CMYK", "L"):
        image = image.convert("RGB")
    alpha = image.getchannel("A") if image.mode == "RGBA" else None
    colours = image.convert("RGB") if alpha else image
    if profile:
        colours = _without_profile(colours, profile)
    colours = colours.convert("RGB")
    if alpha and alpha.getextrema() != (255, 255):
        colours.putalpha(alpha)
    return colours


def _without_profile(image: Image.Image, profile: bytes) -> Image.Image:
    """Convert the colours of a profile to sRGB; a profile that is broken or of other colours counts for nothing."""
    try:
        own = ImageCms.ImageCmsProfile(BytesIO(profile))
        converted = ImageCms.profileToProfile(image, own, _SRGB, outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return image
    assert converted is not None
    return converted


def _encode(image: Image.Image) -> Picture:
    made = BytesIO()
    if image.mode == "RGBA":
        image.save(made, "PNG")
        return Picture(made.getvalue(), "image/png")
    image.save(made, "JPEG", quality=_QUALITY, subsampling=0)
    return Picture(made.getvalue(), "image/jpeg")
