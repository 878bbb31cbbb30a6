"""Unpacks a gzip, zip or plain feed file piece by piece, with bounded memory, and detects damaged or truncated files.

Only the first bytes decide on the format, not extension or Content-Type: AWIN serves plain text where gzip was ordered,
and gzip inside a gzip transfer encoding.
"""

import errno
import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from zlib_ng import zlib_ng

from awin_medusa_pipeline.sync.domain.feed.errors import Fault, FeedError

GZIP, ZIP = b"\x1f\x8b", b"PK\x03\x04"
EMPTY_ZIP = b"PK\x05\x06"
# First bytes of other files that people saved as a feed; AWIN itself never sent one (measured).
OLD_OFFICE = b"\xd0\xcf\x11\xe0"
NO_FEEDS = (b"%PDF", b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"\x7fELF", b"SQLite")
OTHER_PACKERS = (b"Rar!", b"7z\xbc\xaf", b"\xfd7zXZ", b"BZh", b"\x28\xb5\x2f\xfd")
OFFICE_MEMBERS = {"[Content_Types].xml", "mimetype"}
PIECE = 1 << 20
# The largest known feed is 40 times as large as its gzip file (4.85 GB from 122 MB). A crafted file fills the disk.
MOST_GROWTH, FREE_GROWTH = 200, 256 << 20
# AWIN packs once, and its transfer once more.
MOST_LAYERS = 5
# Bytes that one call unpacks: a crafted file grows a thousandfold. Small beside a chunk, which is as much larger.
UNPACKED_PIECE = 1 << 20
TRY_AGAIN = "Try again later; if that does not help, make the feed again in AWIN (Toolbox > Create-a-Feed)."


def unpacked(path: Path, label: str) -> Iterator[bytes]:
    """Yield pieces of the unpacked feed, none of them empty.

    Raises FeedError, possibly after the first pieces.
    """
    with path.open("rb") as file:
        start = file.read(4)
    pieces = _unzipped(path, label) if start in (ZIP, EMPTY_ZIP) else _plain(_read(path), label)
    most, size = max(MOST_GROWTH * path.stat().st_size, FREE_GROWTH), 0
    for piece in pieces:
        size += len(piece)
        if size > most:
            raise FeedError(
                Fault.OVERSIZED,
                f"Unpacking the feed {label}",
                f"it grows to more than {MOST_GROWTH} times its size, which no feed does",
                "Look into the file: it may be made to fill the disk. Ask whoever serves it.",
            )
        if piece:
            yield piece
    if not size:
        raise FeedError(Fault.EMPTY, f"Reading the feed {label}", "it is empty", TRY_AGAIN)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _plain(pieces: Iterator[bytes], label: str, layers: int = 0) -> Iterator[bytes]:
    """Yield the pieces, unpacked as often as they are gzip."""
    for piece in pieces:
        if piece:
            _refuse_other_files(piece, label)
            whole = chain([piece], pieces)
            if not piece.startswith(GZIP):
                yield from whole
            elif layers < MOST_LAYERS:
                yield from _plain(_gunzipped(whole, label), label, layers + 1)
            else:
                raise FeedError(
                    Fault.OVERSIZED,
                    f"Unpacking the feed {label}",
                    f"it is gzip in gzip, more than {MOST_LAYERS} times",
                    "This is no feed. Ask the host of the file for the right one.",
                )


def _refuse_other_files(start: bytes, label: str) -> None:
    tried = f"Reading the feed {label}"
    if start.startswith(OTHER_PACKERS):
        raise FeedError(
            Fault.UNKNOWN_PACKING, tried, "it is packed in another way than gzip or zip", "Choose gzip in AWIN."
        )
    if start.startswith(OLD_OFFICE):
        raise _spreadsheet(tried)
    if start.startswith(NO_FEEDS):
        raise FeedError(
            Fault.NO_TEXT, tried, "it is a document, a picture or a program, not text", "Correct AWIN_FEED_URL."
        )


def _spreadsheet(tried: str) -> FeedError:
    to_do = "Choose CSV in AWIN; a file of your own: save it as CSV in UTF-8."
    return FeedError(Fault.SPREADSHEET, tried, "it is a spreadsheet or another office file", to_do)


def _gunzipped(pieces: Iterator[bytes], label: str) -> Iterator[bytes]:
    """Unpack all members of a gzip file. zlib itself stops silently after the first one, and at a cut."""
    member = zlib_ng.decompressobj(wbits=31)
    ended = False
    for piece in pieces:
        while piece:
            if ended:
                piece = piece.lstrip(b"\0")  # RFC 1952 tapes: padding after the last member
                if not piece:
                    break
                member, ended = zlib_ng.decompressobj(wbits=31), False
            try:
                yield member.decompress(piece, UNPACKED_PIECE)
            except zlib_ng.error as error:  # type: ignore[misc]  # its stub says an exception, not the class
                raise FeedError(
                    Fault.DAMAGED, f"Unpacking the feed {label}", f"the gzip data is damaged ({error})", TRY_AGAIN
                ) from None
            ended = member.eof
            piece = member.unused_data if ended else member.unconsumed_tail
    while not ended and (rest := member.decompress(b"", UNPACKED_PIECE)):
        yield rest
    if not (ended or member.eof):
        raise FeedError(Fault.TRUNCATED, f"Unpacking the feed {label}", "the gzip file ends too early", TRY_AGAIN)


def _unzipped(path: Path, label: str) -> Iterator[bytes]:
    tried = f"Unpacking the feed {label}"
    try:
        with zipfile.ZipFile(path) as archive:
            if not OFFICE_MEMBERS.isdisjoint(archive.namelist()):
                raise _spreadsheet(tried)
            with archive.open(_only_member(archive, tried)) as file:
                yield from _plain(iter(lambda: file.read(PIECE), b""), label)
    except (zipfile.BadZipFile, zlib.error, ValueError, IndexError) as error:
        # The last two: zipfile does not expect a name of nothing, or one that is not in the encoding that it says.
        if _has_no_end(path):
            raise FeedError(Fault.TRUNCATED, tried, "the zip file ends too early", TRY_AGAIN) from None
        raise FeedError(Fault.DAMAGED, tried, f"the zip file is damaged ({error})", TRY_AGAIN) from None
    except OSError as error:
        if error.errno != errno.EINVAL:
            raise
        # Its directory leads to a place before the beginning.
        raise FeedError(Fault.DAMAGED, tried, "the zip file is damaged", TRY_AGAIN) from None
    except EOFError:
        raise FeedError(Fault.TRUNCATED, tried, "the zip file ends too early", TRY_AGAIN) from None
    except NotImplementedError as error:
        raise _unusual(tried, str(error)) from None


def _only_member(archive: zipfile.ZipFile, tried: str) -> zipfile.ZipInfo:
    """Find the feed in the archive; nothing is ever written under a name from it."""
    members = [item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX/")]
    if not members:
        raise FeedError(Fault.ZIP_WITHOUT_FEED, tried, "the zip file holds no file", TRY_AGAIN)
    if len(members) > 1:
        raise FeedError(
            Fault.ZIP_OF_SEVERAL,
            tried,
            f"the zip file holds {len(members)} files instead of one",
            "Pack one feed per zip file, and name each in AWIN_FEED_URL.",
        )
    if members[0].flag_bits & 1:  # APPNOTE 4.4.4: encrypted
        raise FeedError(Fault.ZIP_WITH_PASSWORD, tried, "the zip file asks for a password", "Pack it without one.")
    if (packing := members[0].compress_type) not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        # A file may order the memory that LZMA is to take: gigabytes.
        raise _unusual(tried, f"compression method {packing}")
    return members[0]


def _unusual(tried: str, way: str) -> FeedError:
    came_back = f"the zip file is packed in an unusual way ({way})"
    return FeedError(Fault.UNKNOWN_PACKING, tried, came_back, "Choose gzip in AWIN.")


def _has_no_end(path: Path) -> bool:
    """Whether the directory at the end of a whole zip file is missing."""
    return not zipfile.is_zipfile(path)
