"""Keeps which shop --shop names, from the command line to the command, which is loaded later."""

from contextvars import ContextVar

OPTION, VARIABLE = "--shop", "AWIN_MEDUSA_SHOP"
chosen_shop: ContextVar[str] = ContextVar("chosen_shop", default="")
"""Its name; "" where none is named."""
