"""Feed files to plain bytes: packed once, twice or not at all, whole or damaged."""

import gzip
import io
import zipfile
import zlib
from functools import reduce
from pathlib import Path

import pytest

from awin_medusa_pipeline.sync.domain.feed import unpack
from awin_medusa_pipeline.sync.domain.feed.errors import FeedError

TEXT = b"a,b\n1,2\n"


def packed(data: bytes) -> bytes:
    """Compress without the time, which would give every worker other tests."""
    return gzip.compress(data, mtime=0)


def zipped(*members: tuple[str, bytes], packing: int = zipfile.ZIP_DEFLATED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return out.getvalue()


def read(tmp_path: Path, data: bytes) -> bytes:
    path = tmp_path / "feed"
    path.write_bytes(data)
    pieces = list(unpack.unpacked(path, "made"))
    assert all(pieces)
    return b"".join(pieces)


@pytest.mark.parametrize(
    "data",
    [
        TEXT,
        packed(TEXT),
        packed(packed(TEXT)),
        packed(TEXT[:4]) + packed(TEXT[4:]),
        packed(TEXT) + b"\0" * 9,
        packed(b"") + packed(TEXT),
        zipped(("feed.csv", TEXT)),
        zipped(("feed.csv", TEXT), packing=zipfile.ZIP_STORED),
        zipped(("folder/", b""), ("folder/feed.csv", TEXT), ("__MACOSX/feed.csv", b"x")),
        zipped(("feed.csv.gz", packed(TEXT))),
    ],
)
def test_every_packing_is_undone(tmp_path: Path, data: bytes) -> None:
    assert read(tmp_path, data) == TEXT


ENCRYPTED = bytearray(zipped(("feed.csv", TEXT)))
ENCRYPTED[ENCRYPTED.index(b"PK\x01\x02") + 8] |= 1
ASTRAY = bytearray(zipped(("feed.csv", TEXT)))  # the directory, by the end of the file, is longer than the file
ASTRAY[-10:-6] = b"\xff\xff\0\0"
NAMELESS = bytearray(zipped(("f", TEXT)))
NAMELESS[NAMELESS.index(b"PK\x01\x02") + 46] = 0
UNUSUAL = bytearray(zipped(("feed.csv", TEXT)))
UNUSUAL[UNUSUAL.index(b"PK\x01\x02") + 10] = 97
DAMAGED = bytearray(zipped(("feed.csv", bytes(range(256)) * 40)))
DAMAGED[60] ^= 255
BITTEN = bytearray(packed(bytes(range(256)) * 40))
BITTEN[20] ^= 255


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "empty"),
        (packed(b""), "empty"),
        (zipped(("feed.csv", b"")), "empty"),
        (zipped(), "zip_without_feed"),
        (zipped(("folder/", b"")), "zip_without_feed"),
        (zipped(("a.csv", TEXT), ("b.csv", TEXT)), "zip_of_several"),
        (bytes(ENCRYPTED), "zip_with_password"),
        (zipped(("a.csv", TEXT), packing=zipfile.ZIP_LZMA), "unknown_packing"),
        (zipped(("a.csv", TEXT), packing=zipfile.ZIP_BZIP2), "unknown_packing"),
        (bytes(ASTRAY), "damaged"),
        (bytes(NAMELESS), "damaged"),
        (reduce(lambda data, _: packed(data), range(5_000), TEXT), "oversized"),
        (bytes(UNUSUAL), "unknown_packing"),
        (bytes(DAMAGED), "damaged"),
        (bytes(BITTEN), "damaged"),
        (zipped(("feed.csv", TEXT))[:-10], "truncated"),
        (packed(TEXT) + zlib.compress(TEXT), "damaged"),
        (packed(TEXT)[:-1], "truncated"),
        (packed(TEXT)[:5], "truncated"),
        (zipped(("[Content_Types].xml", b"x"), ("sheet.xml", b"x")), "spreadsheet"),
        (zipped(("mimetype", b"x")), "spreadsheet"),
        (b"\xd0\xcf\x11\xe0xxxx", "spreadsheet"),
        (b"Rar!xxxx", "unknown_packing"),
        (b"%PDF-1.7", "no_text"),
        (packed(b"%PDF-1.7"), "no_text"),
    ],
)
def test_what_cannot_be_unpacked_is_refused(tmp_path: Path, data: bytes, code: str) -> None:
    with pytest.raises(FeedError) as caught:
        read(tmp_path, data)
    assert caught.value.code == code


def test_several_files_are_counted(tmp_path: Path) -> None:
    with pytest.raises(FeedError, match="holds 2 files"):
        read(tmp_path, zipped(("a.csv", TEXT), ("b.csv", TEXT)))


@pytest.mark.parametrize(("free", "growth", "whole"), [(100, 1, True), (99, 1, False), (1, 5, True), (1, 4, False)])
def test_a_file_may_grow_so_much(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, free: int, growth: int, whole: bool
) -> None:
    monkeypatch.setattr(unpack, "FREE_GROWTH", free)
    monkeypatch.setattr(unpack, "MOST_GROWTH", growth)
    data = packed(b"x" * 100)
    assert 20 <= len(data) < 25
    if whole:
        assert read(tmp_path, data) == b"x" * 100
    else:
        with pytest.raises(FeedError, match=r"more than . times its size.*oversized"):
            read(tmp_path, data)


def test_the_usual_bounds() -> None:
    assert (unpack.MOST_GROWTH, unpack.FREE_GROWTH) == (200, 256 * 1024 * 1024)
    assert (unpack.PIECE, unpack.UNPACKED_PIECE) == (1024 * 1024, 1024 * 1024)


def test_small_pieces_make_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpack, "PIECE", 3)
    monkeypatch.setattr(unpack, "UNPACKED_PIECE", 2)
    for data in (TEXT, packed(TEXT) * 2 + b"\0" * 7, zipped(("x", TEXT))):
        assert read(tmp_path, data) == (TEXT * 2 if data.startswith(b"\x1f\x8b") else TEXT)
