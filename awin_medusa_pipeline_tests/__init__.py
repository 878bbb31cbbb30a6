"""Tests never read the developer's own settings: neither their `.env` nor what their shell exports.

This module is imported before any other of the tests, and what stands in os.environ reaches subprocesses too.
"""

import os

os.environ["AWIN_MEDUSA_ENV_FILE"] = os.devnull

from awin_medusa_pipeline.settings import Settings

for name in (*Settings.variables(), "DAGSTER_HOME"):
    os.environ.pop(name, None)
