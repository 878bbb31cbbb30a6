"""A feed file as plain bytes, a piece at a time: gzip, zip or plain, told apart by their first bytes.

What belongs here: unpacking with bounded memory, and telling a damaged or truncated file from a whole one. What does
not: what the bytes mean (feed_rows.py). Extension and Content-Type are never asked: AWIN serves plain text where gzip
was ordered, and gzip inside a gzip transfer encoding.
"""

import zipfile
import zlib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

from awin_medusa_pipeline.domain.feed_errors import EmptyFeedError, TruncatedFeedError, UnreadableArchiveError

GZIP, ZIP = b"\x1f\x8b", b"PK"
PIECE = 1 << 20
# The most that one call unpacks: a crafted file grows a thousandfold.
UNPACKED_PIECE = 8 << 20
TRY_AGAIN = "Try again later; when it stays so, make the feed anew in AWIN (Toolbox > Create-a-Feed)."


def unpacked(path: Path, label: str) -> Iterator[bytes]:
    """Pieces of the unpacked feed, none of them empty.

    Raises EmptyFeedError, TruncatedFeedError or UnreadableArchiveError, the last two possibly after the first pieces.
    """
    with path.open("rb") as file:
        start = file.read(4)
    if start.startswith(ZIP):
        yield from _filled(_unzipped(path, label), label)
    else:
        yield from _filled(_plain(_read(path), label), label)


def _read(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while piece := file.read(PIECE):
            yield piece


def _filled(pieces: Iterator[bytes], label: str) -> Iterator[bytes]:
    empty = True
    for piece in pieces:
        if piece:
            empty = False
            yield piece
    if empty:
        raise EmptyFeedError(f"Reading the feed {label}", "it is empty", TRY_AGAIN)


def _plain(pieces: Iterator[bytes], label: str) -> Iterator[bytes]:
    """The pieces as they are, or unpacked as often as they are gzip."""
    for piece in pieces:
        if piece:
            whole = chain([piece], pieces)
            yield from _plain(_gunzipped(whole, label), label) if piece.startswith(GZIP) else whole


def _gunzipped(pieces: Iterator[bytes], label: str) -> Iterator[bytes]:
    """All members of a gzip file. zlib itself stops without a word at the first one's end, and at a cut."""
    member = zlib.decompressobj(wbits=31)
    ended = False
    for piece in pieces:
        while piece:
            if ended:
                piece = piece.lstrip(b"\0")  # RFC 1952 tapes: padding after the last member
                if not piece:
                    break
                member, ended = zlib.decompressobj(wbits=31), False
            try:
                yield member.decompress(piece, UNPACKED_PIECE)
            except zlib.error as error:
                raise UnreadableArchiveError(
                    f"Unpacking the feed {label}", f"the gzip data is damaged ({error})", TRY_AGAIN
                ) from None
            ended = member.eof
            piece = member.unused_data if ended else member.unconsumed_tail
    while not ended and (rest := member.decompress(b"", UNPACKED_PIECE)):
        yield rest
    if not (ended or member.eof):
        raise TruncatedFeedError(f"Unpacking the feed {label}", "the gzip file ends too early", TRY_AGAIN)


def _unzipped(path: Path, label: str) -> Iterator[bytes]:
    tried = f"Unpacking the feed {label}"
    try:
        with zipfile.ZipFile(path) as archive:
            members = [
                item for item in archive.infolist() if not item.is_dir() and not item.filename.startswith("__MACOSX/")
            ]
            if len(members) != 1:
                raise UnreadableArchiveError(
                    tried, f"the zip file holds {len(members)} files instead of one", "Pack one feed per zip file."
                )
            with archive.open(members[0]) as file:
                yield from _plain(iter(lambda: file.read(PIECE), b""), label)
    except (zipfile.BadZipFile, EOFError) as error:
        raise TruncatedFeedError(tried, f"the zip file is cut or damaged ({error})", TRY_AGAIN) from None
    except (zlib.error, RuntimeError, NotImplementedError) as error:
        raise UnreadableArchiveError(tried, f"the zip file cannot be read ({error})", TRY_AGAIN) from None
