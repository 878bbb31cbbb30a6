"""Pictures as Etsy takes them: what it takes goes through as it is, the rest is made right, what is broken is told."""

from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from awin_medusa_pipeline.core.images import ImageError, Picture, kind_of
from awin_medusa_pipeline.etsy.engine import conversion
from awin_medusa_pipeline.etsy.engine.conversion import for_etsy
from awin_medusa_pipeline_tests.support.picture_files import (
    drawn,
    file,
    noise,
    profile_with_swapped_colours,
    upright_by_exif,
)

ADDRESS = "http://x.test/a"
RED, GREEN = (230, 20, 20), (20, 230, 20)


def converted(content: bytes) -> Picture:
    return for_etsy(Picture(content, kind_of(content) or "text/html"), ADDRESS)


def opened(picture: Picture) -> Image.Image:
    image = Image.open(BytesIO(picture.content))
    image.load()
    return image


def near(one: object, other: tuple[int, ...]) -> bool:
    """Whether two colours look alike."""
    assert isinstance(one, tuple)
    return max(abs(a - b) for a, b in zip(one, other, strict=True)) < 30


MOVING = {"save_all": True, "append_images": [Image.new("RGB", (60, 40), "blue")], "duration": 100, "loop": 0}
AS_IT_IS = {
    "jpeg": file("JPEG"),
    "grey jpeg": file("JPEG", drawn("L")),
    "progressive jpeg": file("JPEG", progressive=True),
    "png": file("PNG"),
    "transparent png": file("PNG", drawn("RGBA")),
    "16 bit png": file("PNG", Image.new("I;16", (60, 40), 40_000)),
    "gif": file("GIF"),
    "moving gif": file("GIF", **MOVING),
    "jpeg with a profile": file("JPEG", icc_profile=profile_with_swapped_colours()),
}


@pytest.mark.parametrize("content", AS_IT_IS.values(), ids=AS_IT_IS.keys())
def test_what_etsy_takes_goes_through_byte_for_byte(content: bytes) -> None:
    assert converted(content).content is content


MADE_RIGHT = {
    "webp": (file("WEBP"), "image/jpeg"),
    "webp without loss": (file("WEBP", lossless=True), "image/jpeg"),
    "avif": (file("AVIF"), "image/jpeg"),
    "bmp": (file("BMP"), "image/jpeg"),
    "jpeg for print": (file("JPEG", drawn("CMYK")), "image/jpeg"),
    "moving webp": (file("WEBP", **MOVING), "image/jpeg"),
    "transparent webp": (file("WEBP", drawn("RGBA")), "image/png"),
    "transparent avif": (file("AVIF", drawn("RGBA")), "image/png"),
    "with a channel that hides nothing": (file("WEBP", drawn().convert("RGBA")), "image/jpeg"),
}


@pytest.mark.parametrize(("content", "kind"), MADE_RIGHT.values(), ids=MADE_RIGHT.keys())
def test_what_etsy_does_not_take_is_made_right(content: bytes, kind: str) -> None:
    made = converted(content)
    image = opened(made)
    assert (made.kind, image.size) == (kind, (60, 40))
    assert near(image.convert("RGB").getpixel((10, 20)), RED)
    assert near(image.convert("RGB").getpixel((50, 20)), GREEN)
    assert (image.mode == "RGBA") is (kind == "image/png")
    # Which bytes are uploaded is remembered: the same must come out each time.
    assert converted(content).content == made.content
    assert made.content not in (content,)


def test_a_picture_that_lies_on_its_side_is_put_upright() -> None:
    image = opened(converted(file("WEBP", exif=upright_by_exif())))
    assert image.size == (40, 60)
    assert near(image.getpixel((20, 10)), RED)
    assert 0x0112 not in image.getexif()


@pytest.mark.parametrize("kind", ["WEBP", "AVIF"])
def test_colours_are_those_of_the_profile(kind: str) -> None:
    image = opened(converted(file(kind, icc_profile=profile_with_swapped_colours())))
    assert "icc_profile" not in image.info
    left, right = image.getpixel((10, 20)), image.getpixel((50, 20))
    assert isinstance(left, tuple)
    assert isinstance(right, tuple)
    assert left[1] > 150 > left[0]
    assert right[0] > 150 > right[1]


def test_a_profile_that_is_none_counts_for_nothing() -> None:
    image = opened(converted(file("WEBP", icc_profile=b"no profile at all")))
    assert near(image.getpixel((10, 20)), RED)


@pytest.mark.parametrize(
    ("content", "kind"),
    [
        (file("PNG", noise(400, 400)), "image/jpeg"),
        (file("JPEG", noise(600, 600), quality=100), "image/jpeg"),
        (file("PNG", Image.merge("RGBA", [*noise(300, 300).split(), noise(300, 300).getchannel(0)])), "image/png"),
    ],
    ids=["png", "jpeg", "transparent"],
)
def test_more_bytes_than_etsy_takes_are_made_fewer(content: bytes, kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(conversion, "LARGEST_IMAGE", 100_000)
    assert len(content) > 100_000
    made = converted(content)
    width, height = opened(made).size
    assert (made.kind, width) == (kind, height)
    assert 20_000 < len(made.content) <= 100_000


def test_a_side_without_end_is_made_shorter() -> None:
    image = opened(converted(file("JPEG", drawn(width=10_001, height=300))))
    assert image.size == (4_000, 120)
    at_the_limit = file("JPEG", drawn(width=10_000, height=20))
    assert converted(at_the_limit).content is at_the_limit


def cut(content: bytes) -> bytes:
    return content[: len(content) * 2 // 3]


def scans(number: int) -> bytes:
    """A JPEG with this many scans more than it needs."""
    content = file("JPEG", progressive=True)
    start = content.index(b"\xff\xda")
    return content[:start] + content[start:-2] * number + content[-2:]


BROKEN = {
    **{f"half a {kind}": (cut(file(kind, noise(80, 80))), "is broken or cut off") for kind in ("JPEG", "PNG", "GIF")},
    **{f"half a {kind}": (cut(file(kind, noise(80, 80))), "is broken or cut off") for kind in ("WEBP", "AVIF", "BMP")},
    "a beginning alone": (b"\xff\xd8\xff\xe0", "the image/jpeg is broken or cut off"),
    "a page": (b"<html><body>not here</body></html>", "is broken or cut off"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "is broken or cut off"),
    "a pixel that counts views": (file("GIF", drawn(width=1, height=1)), "it has 1 x 1 pixels, and Etsy takes more"),
    "ten pixels": (file("PNG", drawn(width=10, height=500)), "it has 10 x 500 pixels"),
    "a bomb": (file("PNG", Image.new("1", (9_460, 9_460))), "it has more than 89,478,485 pixels"),
    "a larger bomb": (file("PNG", Image.new("1", (20_000, 20_000))), "it has more than 89,478,485 pixels"),
    "scans without end": (scans(20), "it has more than 100 scans"),
}


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("content", "said"), BROKEN.values(), ids=BROKEN.keys())
def test_what_cannot_be_made_right_says_why(content: bytes, said: str) -> None:
    with pytest.raises(ImageError) as caught:
        converted(content)
    assert str(caught.value).startswith(f"Reading the image {ADDRESS}: ")
    assert said in str(caught.value)


def test_eleven_pixels_are_enough() -> None:
    content = file("PNG", drawn(width=11, height=11))
    assert converted(content).content is content


FILES = [file(kind, noise(30, 30)) for kind in ("JPEG", "PNG", "GIF", "WEBP", "AVIF", "BMP")]


@given(st.sampled_from(FILES), st.data())
def test_damage_of_any_kind_ends_in_a_picture_or_in_a_sentence(content: bytes, data: st.DataObject) -> None:
    damaged = bytearray(content)
    for _ in range(data.draw(st.integers(1, 6))):
        damaged[data.draw(st.integers(32, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    kind = kind_of(bytes(damaged))
    try:
        made = for_etsy(Picture(bytes(damaged), kind or ""), ADDRESS)
    except ImageError:
        return
    assert kind_of(made.content) in conversion.ETSY_TYPES
