"""Measures speed as ratios: each part beside a bare loop that does the same work without any care, in the same run.

`make bench`, or `python -m awin_medusa_pipeline_tests.tools.bench feed shop`. Speed drifts, so the two take turns
and the median of the pairs' ratios is what counts.
"""
