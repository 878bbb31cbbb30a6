"""A web server of images, sound and broken, that counts what it is asked for."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer

JPEG, PNG = b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n"
"""How such a file begins, which is all that tells its type."""
IMAGES = {
    "/a.jpg": (200, "image/jpeg", JPEG + b"a"),
    "/ä.png": (200, "image/png; charset=binary", PNG + b"b"),
    "/same.jpg": (200, "IMAGE/JPEG", JPEG + b"a"),
    "/busy.jpg": (200, "image/jpeg", JPEG + b"c"),
    "/refused.jpg": (200, "image/jpeg", JPEG + b"refused"),
    "/unsure.jpg": (200, "application/octet-stream", JPEG + b"d"),
    "/called_webp.jpg": (200, "image/webp", JPEG + b"e"),
    "/page.jpg": (200, "text/html", b"<html>"),
    "/page_called_picture.jpg": (200, "image/jpeg", b"<!doctype html><html>" + b" " * 50),
    "/drawing.svg": (200, "image/svg+xml", b"<svg onload='x()'/>"),
    "/drawing_called_picture.png": (200, "image/png", b"<svg xmlns='http://www.w3.org/2000/svg' onload='x()'/>"),
    "/other.png": (200, "image/jpeg", PNG + b"f"),
    "/large.jpg": (200, "image/jpeg", JPEG + b"x" * 2_000),
    "/down.jpg": (500, "text/html", b""),
}


@dataclass
class ImageWeb:
    """Where the images are, and how often each was asked for."""

    address: str = ""
    asked: Counter[str] = field(default_factory=Counter)

    def answer(self, path: str) -> tuple[int, str, bytes]:
        """Answer as IMAGES says; /busy.jpg comes at the third request."""
        self.asked[path] += 1
        if path == "/busy.jpg" and self.asked[path] < 3:
            return 503, "text/html", b""
        return IMAGES.get(path, (404, "text/html", b""))


@contextmanager
def image_web() -> Iterator[ImageWeb]:
    """Serve the images on the loopback address."""
    web = ImageWeb()
    with AnsweringServer(web.answer) as web.address:
        yield web
