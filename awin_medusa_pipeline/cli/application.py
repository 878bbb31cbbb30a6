"""Opens the App for a command, and says who types it."""

import getpass

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.store.audit import Who
from awin_medusa_pipeline.settings import Settings


def open_app() -> App:
    """Open the App that the environment and `.env` describe. Close it, or use it in a `with`."""
    return App(Settings())


def who() -> Who:
    """The person who decides by a command: the user of this machine."""
    return Who(getpass.getuser(), "command line")
