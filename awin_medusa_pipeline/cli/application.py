"""The App of a command, from the environment."""

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.settings import Settings


def open_app() -> App:
    """The App that the environment and `.env` describe. Close it, or use it in a `with`."""
    return App(Settings())
