"""What the shop owner decided about a sync, and how far one run goes."""

from collections.abc import Collection
from dataclasses import dataclass, field

from awin_medusa_pipeline.sync.domain.rules import (
    DEFAULT_OWNERS,
    PRICE_JUMP,
    GentleHours,
    HideRules,
    Limits,
    Owners,
    PriceJump,
    StockRules,
)


@dataclass(frozen=True)
class SyncRules:
    """What the shop owner decided about a sync."""

    stock: StockRules = field(default_factory=StockRules)
    owners: Owners = field(default_factory=lambda: DEFAULT_OWNERS)
    limits: Limits = field(default_factory=Limits)
    hide: HideRules = field(default_factory=HideRules)
    rehost_images: bool = False
    image_hosts: Collection[str] = ()
    """Hosts of the own network that images may be fetched from."""
    plan_hours: int = 24
    """How long a held plan can be approved."""
    price_jump: PriceJump = PRICE_JUMP
    join: frozenset[str] = frozenset()
    """Handles of the shop's own collections and categories, and its own tags, that imported products may join."""
    gentle: GentleHours | None = None
    """When the shop is spared."""


@dataclass(frozen=True)
class Extent:
    """How far applying goes."""

    dry_run: bool = True
    limit: int | None = None
    """Products or variants per kind; None: all of them."""
    plan: str | None = None
    """Hash of a held plan: apply that plan and nothing else, whatever the limit."""
