"""Opens the App for a command."""

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.settings import Settings


def open_app() -> App:
    """Open the App that the environment and `.env` describe. Close it, or use it in a `with`."""
    return App(Settings())
