"""Opens the App for a command, and says who types it."""

import getpass

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.cli.chosen import chosen_shop
from awin_medusa_pipeline.core.store.audit import Who
from awin_medusa_pipeline.shops import Shops


def open_app() -> App:
    """Open the shop that --shop names, or the only one. Close it, or use it in a `with`. Raises PermanentError."""
    app = Shops.open().choose(chosen_shop.get())
    app.take_process()
    return app


def open_common() -> App:
    """Open what all shops share: users, links and tokens of the console. Of one shop, that shop."""
    return Shops.open().common


def who() -> Who:
    """The person who decides by a command: the user of this machine."""
    return Who(getpass.getuser(), "command line")
