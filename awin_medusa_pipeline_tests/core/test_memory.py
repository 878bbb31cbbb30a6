"""Freed memory goes back to the system."""

import ctypes

import psutil
import pytest

from awin_medusa_pipeline.core.memory import give_back

PIECE, PIECES = 16 << 10, 8_000


@pytest.mark.skipif(not hasattr(ctypes.pythonapi, "malloc_trim"), reason="glibc alone keeps what was freed")
def test_what_was_freed_is_handed_back() -> None:
    process = psutil.Process()
    pieces = [bytes(PIECE) for _ in range(PIECES)]
    last = pieces[-1]  # above it nothing is free, so glibc keeps all that lies below
    del pieces
    kept = process.memory_info().rss
    give_back()
    assert kept - process.memory_info().rss > PIECE * PIECES / 2
    assert len(last) == PIECE
