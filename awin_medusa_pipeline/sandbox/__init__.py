"""A real shop to try things on, made by one command and thrown away by another. Loopback only; see manager.py."""

from awin_medusa_pipeline.sandbox.errors import SandboxError
from awin_medusa_pipeline.sandbox.manager import DEFAULT_PORT, PORTS, Sandbox, SandboxStatus, ServiceStatus
from awin_medusa_pipeline.sandbox.processes import Progress
from awin_medusa_pipeline.sandbox.seed import Shop

__all__ = ["DEFAULT_PORT", "PORTS", "Progress", "Sandbox", "SandboxError", "SandboxStatus", "ServiceStatus", "Shop"]
