"""Provides a disposable Medusa shop, with the services around it, on the loopback address."""

from awin_medusa_pipeline.sandbox.errors import SandboxError
from awin_medusa_pipeline.sandbox.manager import DEFAULT_PORT, PORTS, Sandbox
from awin_medusa_pipeline.sandbox.processes import Progress
from awin_medusa_pipeline.sandbox.seed import Shop

__all__ = ["DEFAULT_PORT", "PORTS", "Progress", "Sandbox", "SandboxError", "Shop"]
