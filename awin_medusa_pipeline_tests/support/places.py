"""Where the project lies."""

from pathlib import Path

import awin_medusa_pipeline

PACKAGE = Path(awin_medusa_pipeline.__file__).parent
PROJECT = PACKAGE.parent
