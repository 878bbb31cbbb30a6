import httpx
from hypothesis import given
from hypothesis import strategies as st

from awin_medusa_pipeline.sandbox.etsy.requests import File, Request


def received(**body: object) -> Request:
    sent = httpx.Request("POST", "http://etsy.test/path?a=1&a=2&b=", **body)
    return Request(sent.method, sent.url.raw_path.decode(), dict(sent.headers), sent.read())


@given(st.binary(), st.text(st.characters(exclude_categories=["Cs", "Cc"])))
def test_multipart_is_read_as_it_was_sent(content: bytes, text: str):
    request = received(files={"image": ("a.png", content)}, data={"alt_text": text})
    assert request.parts == ({"alt_text": text}, {"image": File("a.png", content)})


@given(st.dictionaries(st.text("ab", min_size=1), st.text(st.characters(exclude_categories=["Cs"]))))
def test_form_is_read_as_it_was_sent(form: dict[str, str]):
    request = received(data=form)
    assert request.form == form
    assert request.json is None
    assert request.parts == ({}, {})


def test_of_repeated_names_the_last_counts():
    assert received().query == {"a": "2", "b": ""}
    assert received(data={"tags": ["a", "b"]}).form == {"tags": "b"}
    assert received(json={"a": [1]}).json == {"a": [1]}


def test_broken_bodies_are_empty():
    headers = {"content-type": "multipart/form-data"}
    assert Request("POST", "/", headers, b"--x").parts == ({}, {})
    assert Request("POST", "/", {"content-type": "application/json"}, b"{").json is None
