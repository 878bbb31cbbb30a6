"""Whole syncs on a real Medusa, with what came of them read by plain HTTP and from the files that a run leaves."""
