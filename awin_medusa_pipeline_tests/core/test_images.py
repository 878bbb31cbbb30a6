"""Fetching images: what is taken, and in which words the rest is refused."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from awin_medusa_pipeline.core import images
from awin_medusa_pipeline.core.http import Backoff
from awin_medusa_pipeline.core.images import KINDS, ImageError, ImageFetcher
from awin_medusa_pipeline_tests.support.fault_proxy import AnsweringServer
from awin_medusa_pipeline_tests.support.image_web import JPEG, ImageWeb, image_web

OURS = ("127.0.0.1",)


@pytest.fixture
def web() -> Iterator[ImageWeb]:
    with image_web() as web:
        yield web


REFUSED = [
    ("/drawing.svg", "it is no picture that is known, called image/svg+xml. Taken are image/jpeg."),
    ("/drawing_called_picture.png", "it is no picture that is known, called image/png. Taken are image/jpeg."),
    ("/other.png", "it is image/png. Taken are image/jpeg."),
    ("/large.jpg", "it has more than 1,000 bytes. Use a smaller image."),
    ("/gone.jpg", "HTTP 404. Give the product another image."),
    ("/down.jpg", "HTTP 500. It may be there tomorrow."),
]


@pytest.mark.parametrize(("path", "said"), REFUSED, ids=["kind", "bytes", "other kind", "size", "gone", "down"])
def test_why_an_image_is_not_to_be_had(path: str, said: str, web: ImageWeb) -> None:
    backoff = Backoff(attempts=2, sleep=lambda seconds: None)
    with (
        ImageFetcher(("image/jpeg",), hosts=OURS, largest=1_000, backoff=backoff) as fetch,
        pytest.raises(ImageError) as caught,
    ):
        fetch(web.address + path)
    assert str(caught.value) == f"Fetching the image {web.address}{path}: {said}"
    assert caught.value.status is None


CASE = json.loads((Path(__file__).parents[1] / "cases" / "23_image_types.json").read_text())


@pytest.mark.parametrize(("served", "start", "kind"), CASE["images"])
def test_the_bytes_decide_whatever_the_server_says(served: str, start: str, kind: str | None) -> None:
    with (
        AnsweringServer(lambda path: (200, served, bytes.fromhex(start))) as address,
        ImageFetcher(KINDS, hosts=OURS) as fetch,
    ):
        if kind:
            assert fetch(f"{address}/a").kind == kind
        else:
            with pytest.raises(ImageError, match=served):
                fetch(f"{address}/a")


def test_an_image_that_never_ends(web: ImageWeb, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(images, "LONGEST", -1.0)
    with ImageFetcher(hosts=OURS) as fetch, pytest.raises(ImageError, match="it was not there after"):
        fetch(f"{web.address}/a.jpg")


def test_an_image_as_it_was_fetched(web: ImageWeb) -> None:
    with ImageFetcher(hosts=OURS) as fetch:
        picture = fetch(f"{web.address}/a.jpg")
    assert (picture.content, picture.kind) == (JPEG + b"a", "image/jpeg")
    assert picture.sha256 == hashlib.sha256(JPEG + b"a").hexdigest()
    assert picture.name == f"{picture.sha256[:24]}.jpg"
