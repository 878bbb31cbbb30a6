"""Bytes to rows: a broken line costs that line and no neighbour."""

import csv
import gzip
import io
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from awin_medusa_pipeline.sync.domain.feed import rows as feed_rows
from awin_medusa_pipeline.sync.domain.feed import unpack
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError
from awin_medusa_pipeline.sync.domain.feed.layout import layout_of, normalised
from awin_medusa_pipeline.sync.domain.feed.rows import chunks, header_line, read_rows

ABC = layout_of(b"a,b,c", "made")
Read = tuple[list[tuple[int, tuple[str, ...]]], list[tuple[int, str]]]


def _read(data: bytes, wanted: str = "abc") -> Read:
    """(line, cells) of the rows and (line, reason) of the broken lines, counted from 1."""
    rows = read_rows(data, ABC, list(wanted))
    cells = [tuple(value or "" for value in row) for row in rows.cells.rows()]
    return (
        [(line + 1, row) for line, row in zip(rows.lines, cells, strict=True)],
        [(bad.line + 1, bad.reason) for bad in rows.broken],
    )


@pytest.mark.parametrize(
    ("data", "rows", "broken"),
    [
        pytest.param("1,2,3\n4,5,6\n", [(1, "123"), (2, "456")], [], id="plain"),
        pytest.param("1,,\n,,3\n", [(1, ("1", "", "")), (2, ("", "", "3"))], [], id="blank cells"),
        pytest.param("1,2,3\r\n4,5,6\r\n", [(1, "123"), (2, "456")], [], id="line ends of Windows"),
        pytest.param("1,2,3\n\n4,5,6\n", [(1, "123"), (3, "456")], [], id="blank line"),
        pytest.param('1,"2,x",3\n', [(1, ("1", "2,x", "3"))], [], id="separator in quotes"),
        pytest.param('1,"say ""hi""",3\n', [(1, ("1", 'say "hi"', "3"))], [], id="quotes doubled"),
        pytest.param('1,5" wide,3\n4,5,6\n', [(1, ("1", '5" wide', "3")), (2, "456")], [], id="quote within a cell"),
        pytest.param('1,"a\nb",3\n4,5,6\n', [(1, ("1", "a\nb", "3")), (3, "456")], [], id="line break in a cell"),
        pytest.param(
            '"a\nb",2,3\n4,5,6\n', [(1, ("a\nb", "2", "3")), (3, "456")], [], id="line break in the first cell"
        ),
        pytest.param('1,2,"a\n\nb"\n4,5,6\n', [(1, ("1", "2", "a\n\nb")), (4, "456")], [], id="blank line in a cell"),
        pytest.param('1,"5\\" x, y",3\n', [(1, ("1", '5" x, y', "3"))], [], id="PHP's quote after a backslash"),
        pytest.param('1,"C:\\",3\n', [(1, ("1", "C:\\", "3"))], [], id="backslash at the end of a cell"),
        pytest.param(
            '1,"2,3\n4,5,6\n7,8,9\n', [(2, "456"), (3, "789")], [(1, "malformed_quote")], id="quote never closed"
        ),
        pytest.param(
            '1,"2,3\n4,"5",6\n7,8,9\n', [(2, "456"), (3, "789")], [(1, "malformed_quote")], id="and a quoted neighbour"
        ),
        pytest.param(
            '0,0,0\n1,"2"x,3\n4,5,6\n', [(1, "000"), (3, "456")], [(2, "malformed_quote")], id="text behind a quote"
        ),
        pytest.param("1,2,3,4\n4,5,6\n", [(2, "456")], [(1, "too_many_cells")], id="too many cells"),
        pytest.param("4,5,6\n1,2\n", [(1, "456")], [(2, "too_few_cells")], id="too few cells"),
        pytest.param("1,2,\x1e\n4,5\n", [(1, ("1", "2", "\x1e"))], [(2, "too_few_cells")], id="the reader's own mark"),
        pytest.param("1,2\0,3\n", [(1, "123")], [], id="NUL"),
    ],
)
def test_each_line_gets_what_it_deserves(data: str, rows: list[tuple[int, list[str]]], broken: list[object]) -> None:
    expected = [(line, tuple(cells)) for line, cells in rows]
    assert _read(data.encode()) == (expected, broken)
    many = b"1,2,3\n" * 300 + data.encode() + b"1,2,3\n" * 300
    found, bad = _read(many)
    inside = [(line - 300, cells) for line, cells in found if 300 < line <= 300 + data.count("\n")]
    assert (inside, [(line - 300, reason) for line, reason in bad]) == (expected, broken)
    assert len(found) == 600 + len(expected)


def test_a_quote_never_closed_does_not_join_the_whole_file() -> None:
    rows, broken = _read(b'1,"2,3\n' + b"4,5\n" * 1_000)
    assert (len(rows), len(broken)) == (0, 1_001)


@pytest.mark.parametrize("wanted", ["a", "c", "ac", "abc"])
def test_a_column_left_out_hides_no_broken_line(wanted: str) -> None:
    rows, broken = _read(b"1,2,3\n1,2\n1,2,3,4\n1,2,3\n", wanted)
    assert [line for line, _ in rows] == [1, 4]
    assert [line for line, _ in broken] == [2, 3]


def test_bad_bytes_are_survived_and_counted() -> None:
    rows = read_rows(b"1,caf\xe9,3\n4,\xff\xfe,6\n", ABC, ["b"])
    assert rows.cells["b"].to_list() == ["café", "\ufffd\ufffd"]
    assert rows.damaged == 3
    assert rows.raw([1]) == ["4,\ufffd\ufffd,6"]


def test_raw_text_is_the_whole_record() -> None:
    rows = read_rows(b'1,2,3\n4,"a\nb",6\n', ABC, ["b"])
    assert rows.raw([1, 0]) == ['4,"a\nb",6', "1,2,3"]


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r\x1e"), max_size=12)


@given(
    st.lists(st.tuples(CELL, CELL, CELL), min_size=1, max_size=12), st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL])
)
def test_what_pythons_csv_writes_is_read_back(table: list[tuple[str, str, str]], quoting: int) -> None:
    out = io.StringIO()
    csv.writer(out, quoting=quoting, lineterminator="\n").writerows(table)
    rows, broken = _read(out.getvalue().encode())
    # A cell that looks like lines of the table cannot be told from them: such tables are rejected in part.
    if not broken and len(rows) == len(table):
        assert [row for _, row in rows] == table
    elif all("\n" not in cell and '\\"' not in cell and any(row) for row in table for cell in row):
        raise AssertionError((rows, broken))


@given(
    st.lists(
        st.sampled_from([b"1", b",", b'"', b"\n", b"\\", b"x y", b"\r", b"\xff", b"\xc3\xa9", b"\x1e", b"\0"]),
        max_size=60,
    )
)
@example([b'"', b"\n"] * 30)
def test_any_bytes_end_as_rows_or_broken_lines(parts: list[bytes]) -> None:
    data = b"".join(parts).rstrip(b"\r\n") + b"\n"
    rows = read_rows(data, ABC, ["a", "c"])
    starts = [*rows.lines, *(bad.line for bad in rows.broken)]
    assert len(starts) == len(set(starts))
    assert rows.line_count == data.count(b"\n")
    assert all(0 <= line < rows.line_count for line in starts)
    assert all(isinstance(text, str) for text in rows.raw(range(rows.cells.height)))


@pytest.mark.parametrize(
    ("header", "separator"),
    [("a,b,c", ","), ("a;b;c", ";"), ("a|b|c", "|"), ("a\tb\tc", "\t"), ('"a";"b,x";"c"', ";"), ("\ufeffa,b,c", ",")],
)
def test_the_separator_is_found(header: str, separator: str) -> None:
    layout = layout_of(header.encode(), "made")
    assert (layout.separator, layout.width, layout.columns[0]) == (separator, 3, "a")


def test_columns_of_the_same_name_are_kept_apart() -> None:
    assert layout_of(b"a,b,a", "made").columns == ("a", "b", "a#2")
    assert normalised(" Fashion:Size ") == "fashion:size"


@pytest.mark.parametrize(
    ("data", "code"),
    [
        ("merchant_id,x\n1,2\n".encode("utf-16"), "utf_16"),
        ("merchant_id,x\n1,2\n".encode("utf-16-be"), "utf_16"),
        (b"just text\n1\n", "no_table"),
        (b"\x00\x01\x02,\n", "no_text"),
    ],
)
def test_what_has_no_columns_is_no_feed(data: bytes, code: str) -> None:
    with pytest.raises(FeedError, match=code):
        layout_of(header_line([data], "made")[0], "made")


@given(st.integers(1, 40), st.integers(1, 50))
def test_chunks_lose_nothing(piece: int, rows: int) -> None:
    data = b"".join(b'%d,"a\nb",x\n' % n for n in range(rows))
    header, line, rest = header_line((data[at : at + piece] for at in range(0, len(data), piece)), "made")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(feed_rows, "CHUNK", 30)
        cut = list(chunks(rest, ABC, "made")) if rows > 1 else []
    assert (header, line) == (b'0,"a', 2)
    if cut:
        assert header + b"\n" + b"".join(cut) == data


def test_a_record_is_not_cut_in_two(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_rows, "CHUNK", 100)
    data = b"1,2,3\n4,5,6\n" * 10 + b'7,"first\nsecond\nthird' + b"\nfourth" * 30 + b'",9\n' + b"1,2,3\n" * 10
    pieces = list(chunks(iter([data[:150], data[150:200], data[200:]]), ABC, "made"))
    assert len(pieces) > 1
    assert b"".join(pieces) == data
    assert not any(_read(piece)[1] for piece in pieces)


@pytest.mark.parametrize("cut", [1, 8, 9, 100])
def test_a_cut_gzip_file_is_noticed_in_any_member(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "feed"
    member = gzip.compress(bytes(range(256)) * 50)
    path.write_bytes(member + member[:-cut])
    with pytest.raises(FeedError, match="truncated"):
        list(unpack.unpacked(path, "made"))
    path.write_bytes(member + member + b"\0" * 20)
    assert b"".join(unpack.unpacked(path, "made")) == bytes(range(256)) * 100


def test_a_crafted_file_unpacks_in_bounded_pieces(tmp_path: Path) -> None:
    path = tmp_path / "feed"
    path.write_bytes(gzip.compress(bytes(100_000_000)))
    assert max(map(len, unpack.unpacked(path, "made"))) <= unpack.UNPACKED_PIECE


def test_wide_rows_keep_their_order() -> None:
    table = pl.DataFrame({name: [f"{name}{n}" for n in range(50)] for name in "abc"})
    rows, _ = _read(table.write_csv(include_header=False).encode())
    assert [row for _, row in rows] == table.rows()


@pytest.mark.parametrize(
    ("pieces", "header", "line", "rest"),
    [
        ([b"a,b\n1,2\n"], b"a,b", 2, b"1,2\n"),
        ([b"a,b\r\n1,2\r\n"], b"a,b", 2, b"1,2\r\n"),
        ([b"\xef\xbb\xbf", b"\n \n", b"a,b\n1"], b"a,b", 4, b"1"),
        ([b"\n\n\na", b",b\n", b"1,2\n", b"3,4\n"], b"a,b", 5, b"1,2\n3,4\n"),
        ([b"a,b"], b"a,b", 2, b""),
    ],
)
def test_the_header_is_the_first_line_that_is_not_blank(
    pieces: list[bytes], header: bytes, line: int, rest: bytes
) -> None:
    found, number, more = header_line(pieces, "made")
    assert (found, number, b"".join(more)) == (header, line, rest)


@pytest.mark.parametrize(("longest", "fine"), [(12, True), (11, False)])
def test_a_header_without_an_end_is_refused(monkeypatch: pytest.MonkeyPatch, longest: int, fine: bool) -> None:
    monkeypatch.setattr(feed_rows, "LONGEST_LINE", longest)
    pieces = [b"a,b,c,", b"d,e,f,", b"g\n1"]
    if fine:
        assert header_line(pieces, "made")[0] == b"a,b,c,d,e,f,g"
    else:
        with pytest.raises(FeedError, match="endless_line"):
            header_line(pieces, "made")


def test_lines_without_an_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_rows, "CHUNK", 10)
    monkeypatch.setattr(feed_rows, "LONGEST_LINE", 30)
    with pytest.raises(FeedError, match="endless_line"):
        list(chunks([b"1,2,3,4,5,6"] * 4, ABC, "made"))
    # Lines that are no rows are cut anywhere once there are too many of them.
    cut = list(chunks([b"1,2\n1,2\n1,2\n"] * 3, ABC, "made"))
    assert (len(cut), b"".join(cut)) == (1, b"1,2\n" * 9)


def test_objects_are_cut_at_any_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_rows, "CHUNK", 10)
    assert list(chunks([b'{"a": 1}\n{"a"', b": 2}\n"], None, "made")) == [b'{"a": 1}\n', b'{"a": 2}\n']


@pytest.mark.parametrize("pieces", [[], [b""], [b"\n \n"]])
def test_no_rows_at_all_are_refused(pieces: list[bytes]) -> None:
    with pytest.raises(FeedError, match="header_only"):
        list(chunks(pieces, ABC, "made"))


def test_nothing_behind_the_last_chunk_is_no_empty_feed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_rows, "CHUNK", 12)
    assert list(chunks([b"1,2,3\n4,5,6\n", b"\n"], None, "made")) == [b"1,2,3\n4,5,6\n"]
    assert list(chunks([b"1,2,3\n4,5,6\n", b"7,8,9\r\n\r\n"], None, "made")) == [b"1,2,3\n4,5,6\n", b"7,8,9\n"]


def test_a_chunk_is_cut_between_two_whole_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_rows, "CHUNK", 20)
    data = b'1,2,3\n4,5,6\n7,"x\ny,z,u\nw'
    assert list(chunks([data, b'",9\n'], ABC, "made")) == [b"1,2,3\n", b'4,5,6\n7,"x\ny,z,u\nw",9\n']


def test_the_usual_sizes() -> None:
    assert (feed_rows.CHUNK, feed_rows.LONGEST_LINE) == (8 * 1024 * 1024, 32 * 1024 * 1024)
    assert (feed_rows.PARTS, feed_rows.FEW_LINES, feed_rows.PAGE_START) == (8, 1_000, 20_000)


@pytest.mark.parametrize(
    ("data", "damaged"),
    [(b"1,2,3\n", 0), (b"1,\xef\xbf\xbd,3\n", 0), (b"1,\xef\xbf\xbd\xff,3\n", 1), (b'1,"\xff,3\n', 1)],
)
def test_a_replacement_character_that_was_sent_is_no_damage(data: bytes, damaged: int) -> None:
    assert read_rows(data, ABC, ["a"]).damaged == damaged


@pytest.mark.parametrize(
    ("data", "has"),
    [
        (b"a", False),
        (b"\\", False),
        (b'a\\"', True),
        (b'\\"a', True),
        (b'\\a\\"', True),
        (b'\\\\"', True),
        (b'"\\a', False),
    ],
)
def test_a_quote_after_a_backslash_is_seen(data: bytes, has: bool) -> None:
    assert feed_rows._has_backslash_quote(data) is has


def test_raw_text_is_cut_and_of_fast_rows_one_line() -> None:
    rows = read_rows(b"1,2,3\n" + b"4," + b"x" * 3_000 + b",6\n", ABC, ["a"])
    assert rows.raw([0]) == ["1,2,3"]
    assert len(rows.raw([1])[0]) == 2_000


def test_lines_that_are_no_rows_wait_until_there_are_more_than_may_be(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_rows, "CHUNK", 10)
    monkeypatch.setattr(feed_rows, "LONGEST_LINE", 36)
    assert list(chunks([b"1,2\n1,2\n1,2\n"] * 4, ABC, "made")) == [b"1,2\n" * 12]


@pytest.mark.parametrize("end", [b"\n", b""])
@pytest.mark.parametrize("many", [0, 500])
def test_raw_text_of_many_rows_is_that_of_few(many: int, end: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feed_rows, "MANY_LINES", many)
    rows = read_rows(b'1,2,3\n4,"a\nb",6\nbroken\n7,8,9' + end, ABC, ["a"])
    assert rows.raw([2, 0, 1]) == ["7,8,9", "1,2,3", '4,"a\nb",6']


def test_a_chunk_of_broken_lines_does_not_try_each_few_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of which every second line was broken took 6.3 s, nearly all of it to begin reading (measured)."""
    calls = 0
    read_fast = feed_rows._read_fast

    def counted(*arguments: Any) -> Any:
        nonlocal calls
        calls += 1
        return read_fast(*arguments)

    monkeypatch.setattr(feed_rows, "_read_fast", counted)
    rows = read_rows(b"1,2,3\nbroken\n" * 20_000, ABC, ["a"])
    assert (rows.cells.height, len(rows.broken)) == (20_000, 20_000)
    assert calls < 100
