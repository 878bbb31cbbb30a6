"""Separator, header and single lines of a CSV feed."""

import re

import pytest

from awin_medusa_pipeline.sync.domain.feed import layout
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError
from awin_medusa_pipeline.sync.domain.feed.layout import LineReader, layout_of, refuse_markup

ABC = layout_of(b"a,b,c", "made")


def code_of(start: bytes) -> str | None:
    try:
        refuse_markup(start, "made")
    except FeedError as error:
        return error.code
    return None


@pytest.mark.parametrize(
    ("start", "code"),
    [
        (b"a,b", None),
        (b"a,<html>", None),
        (b"  <html>", "web_page"),
        (b"<!-- x --><html>", "web_page"),
        (b"<?xml version='1.0'?>\n<anything>", "xml"),
        (b"<?xml version='1.0'?>\n<!DOCTYPE x>\n<html>", "web_page"),
        (b"<merchant>", "xml"),
        (b"<RSS>", "xml"),
        (b"<something>", "web_page"),
        (b"<", "web_page"),
        (b"<?xml", "xml"),
        (b"<error>No <b>key</b></error>", "xml_error"),
        (b"<Fault>x", "xml_error"),
        (b"<html><input type='password'>", "login_page"),
        (b"<html><input type=password>", "login_page"),
        (b"<html><a>Sign in</a>", "login_page"),
        (b"<html><a> log-in</a>", "login_page"),
        (b"<html><a>blog in</a>", "web_page"),
    ],
)
def test_markup_is_no_feed(start: bytes, code: str | None) -> None:
    assert code_of(start) == code


@pytest.mark.parametrize(
    ("start", "says"),
    [
        (b"<error>No <b>key</b>\n given</error>", "“No key given”"),
        (b"<error>" + b"x" * 161, f"“{'x' * 160}”"),
        (b"<html><TITLE id='1'>Down\n for now</TITLE>", "feed (“Down for now”)"),
        (b"<html><title>Log</title><input type=password>", "feed (“Log”)"),
        (b"<html><title></title>", "instead of a feed;"),
        (b"<html><title>" + b"x" * 80 + b"</title>", "x”)"),
        (b"<html><title>" + b"x" * 81 + b"</title>", "instead of a feed;"),
    ],
)
def test_markup_is_quoted(start: bytes, says: str) -> None:
    with pytest.raises(FeedError) as caught:
        refuse_markup(start, "made")
    text = str(caught.value)
    assert says in text if not says.endswith(";") else "“" not in text


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("a,b".encode("utf-16-le"), "no_text"),
        ("merchant_id,product".encode("utf-16-le"), "utf_16"),
        ("merchant_id,product".encode("utf-16-be"), "utf_16"),
        (b"\xff\xfea,b", "utf_16"),
        (b"\xfe\xffa,b", "utf_16"),
        (b"a,b\0", "no_text"),
        (b"a,b" + b"x" * 60 + b"\0x" * 40, "no_text"),
        (b"a\0b\0" * 4 + b",b", "no_text"),
        (b"a\0" * 9 + b",b", "utf_16"),
        (b"\0a" * 8 + b",bcd", "no_text"),
        (b"\0a" * 9 + b",bcd", "utf_16"),
        (b"alone", "no_table"),
        (b"", "no_table"),
    ],
)
def test_what_has_no_header_is_no_feed(header: bytes, code: str) -> None:
    with pytest.raises(FeedError) as caught:
        layout_of(header, "made")
    assert caught.value.code == code


def test_the_first_line_is_quoted() -> None:
    with pytest.raises(FeedError, match=f"“{'x' * 80}”"):
        layout_of(b"x" * 81, "made")


@pytest.mark.parametrize(
    ("header", "separator", "columns"),
    [
        (b"a,b;c;d", ";", ("a,b", "c", "d")),
        (b"a,b;c", ",", ("a", "b;c")),
        (b"a,b", ",", ("a", "b")),
        (b'"a;b","c"', ",", ("a;b", "c")),
        (b"a,b,a,b,a", ",", ("a", "b", "a#2", "b#3", "a#4")),
        (b" A B , c\t d ", ",", ("a_b", "c_d")),
    ],
)
def test_the_layout_of_a_header(header: bytes, separator: str, columns: tuple[str, ...]) -> None:
    found = layout_of(header, "made")
    assert (found.separator, found.columns, found.width) == (separator, columns, len(columns))
    assert found.marked_header == separator.join([*map(str, range(len(columns))), "mark"]).encode() + b"\n"


@pytest.mark.parametrize(
    ("line", "row", "alone"),
    [
        ("1,2,3", ["1", "2", "3"], True),
        ("1,2", None, False),
        ("1,2,3,4", None, False),
        ('1,"2,3', None, False),
        ('1,5" x,3', ["1", '5" x', "3"], False),
        ('1,5" x 6",3', ["1", '5" x 6"', "3"], True),
        ('1,"5\\" x",3', ["1", '5" x', "3"], False),
        ('1,"\\"5\\" x",3', ["1", '"5" x', "3"], True),
        ('"1","2\\","3"', ["1", "2\\", "3"], True),
    ],
)
def test_a_line(line: str, row: list[str] | None, alone: bool) -> None:
    assert ABC.row(line) == row
    assert ABC.stands_alone(line) is alone


def read(*lines: str) -> LineReader:
    reader = LineReader(ABC, list(lines))
    assert reader.read(0, len(lines)) >= len(lines)
    return reader


def test_lines_end_as_rows_as_broken_lines_or_as_blank() -> None:
    reader = read("1,2,3", " ", '4,"a', 'b",6', "x", '"y', "1,2,3,4")
    assert reader.rows == [["1", "2", "3"], ["4", "a\nb", "6"]]
    assert (reader.at, reader.spans) == ([0, 2], [1, 2])
    assert [(bad.line, bad.reason, bad.raw) for bad in reader.broken] == [
        (4, "too_few_cells", "x"),
        (5, "malformed_quote", '"y'),
        (6, "too_many_cells", "1,2,3,4"),
    ]
    assert "has 1 cells where the header has 3" in reader.broken[0].detail


@pytest.mark.parametrize(("more", "joined"), [(0, True), (1, False)])
def test_a_cell_may_have_so_many_lines(monkeypatch: pytest.MonkeyPatch, more: int, joined: bool) -> None:
    monkeypatch.setattr(layout, "MOST_JOINED_LINES", 5)
    reader = read('1,"a', *["b"] * (3 + more), 'c",3')
    assert bool(reader.rows) is joined
    assert reader.spans == ([5] if joined else [])


@pytest.mark.parametrize(("less", "joined"), [(0, True), (1, False)])
def test_a_cell_may_have_so_many_characters(monkeypatch: pytest.MonkeyPatch, less: int, joined: bool) -> None:
    lines = ['1,"a', 'b",3']
    monkeypatch.setattr(layout, "MOST_JOINED_CHARACTERS", len("\n".join(lines)) - less)
    assert bool(read(*lines).rows) is joined


def test_the_usual_bounds_of_a_cell() -> None:
    assert (layout.MOST_JOINED_LINES, layout.MOST_JOINED_CHARACTERS, layout.RAW_LENGTH) == (200, 100_000, 2_000)


def test_a_broken_line_is_kept_cut() -> None:
    (broken,) = read("x" * 2_001).broken
    assert broken.raw == "x" * 2_000
    assert re.fullmatch(r"The line has 1 cells .*", broken.detail)
