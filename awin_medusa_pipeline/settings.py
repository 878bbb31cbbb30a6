"""Reads every environment variable: name, type, default and meaning. docs/configuration.md is made from this module.

Values that no shop owner would change are constants beside the code that uses them; run config is with the assets.
"""

import json
import os
import re
from datetime import timedelta
from enum import StrEnum
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, Field, SecretStr, field_validator
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    NoDecode,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
)

from awin_medusa_pipeline.core.addresses import credentials_in, place_of_files, plain_http
from awin_medusa_pipeline.core.files import home_path, local_path
from awin_medusa_pipeline.sync.domain.operations import Kind
from awin_medusa_pipeline.sync.domain.rules import (
    CONTENT,
    DEFAULT_OWNERS,
    PRICE,
    PRICE_JUMP,
    GentleHours,
    HideRules,
    Limits,
    Owner,
    Owners,
    PriceJump,
    StockRules,
)

_ABOVE = Path(__file__).resolve().parent.parent
PROJECT_ROOT = _ABOVE if (_ABOVE / "pyproject.toml").exists() else Path.cwd()
"""Default folder of `.env` and `.awin_medusa`: the source folder, or, when installed as a wheel, the current one."""
ENV_FILE_VARIABLE = "AWIN_MEDUSA_ENV_FILE"
PLAIN_ADDRESSES = (
    "medusa_backend_url",
    "dagster_webserver_url",
    "etsy_api_url",
    "etsy_oauth_url",
    "etsy_redirect_uri",
)
"""Settings that are shown, stored and sent as links, so that they hold no secret."""


OTHER_SECRETS = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")
ADDRESSES_OF_OTHERS = ("CELERY_BROKER_URL", "CELERY_RESULT_BACKEND")
"""Variables that others read from the environment: fsspec, polars, Celery."""


def secrets_of_others() -> list[str]:
    """List the secrets in the environment that no setting holds."""
    addresses = [os.environ.get(name, "") for name in ADDRESSES_OF_OTHERS]
    found = [os.environ.get(name, "") for name in OTHER_SECRETS]
    return [secret for secret in (*found, *(one for address in addresses for one in credentials_in(address))) if secret]


def env_file() -> Path:
    """`.env` beside the project, or the file that AWIN_MEDUSA_ENV_FILE names (several shops, tests)."""
    return Path(os.environ.get(ENV_FILE_VARIABLE) or PROJECT_ROOT / ".env").expanduser().absolute()


class UnknownStock(StrEnum):
    """Meaning of a blank stock cell in a feed that fills the column elsewhere."""

    KEEP = "keep"
    IN_STOCK = "in_stock"
    OUT_OF_STOCK = "out_of_stock"


class LooseMatches(StrEnum):
    """Handling of an offer and a shop product that only look alike."""

    HOLD = "hold"
    IGNORE = "ignore"


class UncountedSoldOut(StrEnum):
    """What becomes of a product that is sold out in the feed and that Medusa does not count."""

    LEAVE = "leave"
    HIDE = "hide"


class Hide(StrEnum):
    """Which products of the shop may be hidden when they are not in the feed."""

    OURS = "ours"
    ALL = "all"


class EtsyOwner(StrEnum):
    """Who has the last word on a field of a listing that a seller may change at Etsy, too."""

    SELLER = "seller"
    SETTINGS = "settings"


class Settings(BaseSettings):
    """All settings, from the environment and `env_file()`. A blank value counts as not set."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        populate_by_name=True,
        # An error about a setting must not repeat it: it may be a key in the wrong place.
        hide_input_in_errors=True,
    )

    awin_feed_url: SecretStr | None = Field(
        None,
        description="One or more feeds, separated by white space: http(s) address or local path; .csv, .csv.gz, .zip "
        "or .jsonl. The address holds your AWIN key, so it is treated as a secret.",
    )
    awin_api_token: SecretStr | None = Field(
        None, description="Publisher API token; only the enhanced feeds of api.awin.com ask for it."
    )
    medusa_backend_url: str | None = Field(
        None, description="Address of the Medusa server, e.g. http://localhost:9000."
    )
    medusa_admin_api_key: SecretStr | None = Field(
        None,
        description="Secret API key (Medusa Admin > Settings > Secret API Keys). Needed for every change.",
    )
    medusa_publishable_key: SecretStr | None = Field(
        None,
        validation_alias=AliasChoices("medusa_publishable_key", "next_public_medusa_publishable_key"),
        description="Publishable API key; enough for detection alone, when no admin key is given. "
        "Also read as NEXT_PUBLIC_MEDUSA_PUBLISHABLE_KEY.",
    )
    medusa_sales_channel: str | None = Field(
        None, description="Name or id of the sales channel that new products join. Not set: the first one."
    )
    medusa_stock_location: str | None = Field(
        None, description="Name or id of the stock location whose levels the sync sets. Not set: the first one."
    )
    medusa_shipping_profile: str | None = Field(
        None, description="Name or id of the shipping profile of new products. Not set: the first one."
    )
    slack_webhook_url: SecretStr | None = Field(None, description="Incoming webhook for summaries and alerts.")
    slack_bot_token: SecretStr | None = Field(
        None, description="Bot token; used instead of the webhook, with SLACK_CHANNEL."
    )
    slack_channel: str | None = Field(None, description="Channel for the bot token, e.g. #shop-sync.")
    dagster_webserver_url: str = Field(
        "http://localhost:3000", description="Address of the Dagster UI, for links in messages."
    )
    awin_medusa_home: str = Field(
        str(PROJECT_ROOT / ".awin_medusa"),
        repr=False,
        description="State, tables and reports. Tables and reports may be at any fsspec address, as s3://bucket/shop; "
        "the state then has to be in the database that AWIN_MEDUSA_DATABASE_URL names.",
    )
    awin_medusa_database_url: SecretStr | None = Field(
        None,
        description="State store. Not set: SQLite in AWIN_MEDUSA_HOME. PostgreSQL: postgresql://user:password@host/database.",
    )
    awin_medusa_scratch: str | None = Field(
        None,
        repr=False,
        description="Folder for what is needed while a run goes on: downloads, parsed rows, tables that are sent "
        "elsewhere; about twice the size of the unpacked feeds. Not set: with the state. Set it where that cannot be "
        "written, as in a container, or where another disk is faster.",
    )
    awin_medusa_shops: str | None = Field(
        None,
        repr=False,
        description="File that names several shops, for one installation that keeps all of them in line: "
        "docs/scaling.md. Not set: the settings here are those of the only shop.",
    )
    awin_medusa_secret_key: SecretStr | None = Field(
        None,
        description="Fernet keys that encrypt the Etsy tokens in the state store; `awin-medusa etsy key` makes "
        "one. Several, separated by white space or commas: the first encrypts, all decrypt.",
    )
    sync_cron: str = Field("0 2 * * *", description="When daily_sync_schedule runs, in UTC.")
    sync_gentle_hours: str | None = Field(
        None,
        description="Hours in which the shop is spared: one small request at a time. `8-20` is from 8:00 to 20:00 UTC, "
        "`22-6` goes over midnight.",
    )
    sync_kinds: Annotated[list[Kind], NoDecode] = Field(
        list(Kind),
        description="Which kinds of change the schedule and `awin-medusa sync` apply, separated by white space or "
        "commas. What is left out is only reported.",
    )
    sync_sku_template: str = Field(
        "{merchant_product_id}",
        description="SKU of a new variant. Two merchants that share an id need `{merchant_id}-{merchant_product_id}`.",
    )
    sync_price_column: Annotated[dict[str, str], NoDecode] = Field(
        {"*": "search_price"},
        description="Feed column with the selling price; per merchant as `12345=base_price *=search_price`, because "
        "advertisers fill different columns with it.",
    )
    sync_owner_price: Annotated[dict[str, Owner], NoDecode] = Field(
        dict(DEFAULT_OWNERS[PRICE]),
        description="Who has the last word on prices. feed: always as in the feed; shop: written at the import, then "
        "left alone; first-write: as shop, but also written where the shop has nothing yet; ask: differences wait "
        "for you as a plan. Per merchant as `feed 12345=shop`.",
    )
    sync_owner_title: Annotated[dict[str, Owner], NoDecode] = Field(
        dict(DEFAULT_OWNERS["title"]), description="The same for titles: storefront texts are often made by hand."
    )
    sync_owner_description: Annotated[dict[str, Owner], NoDecode] = Field(
        dict(DEFAULT_OWNERS["description"]), description="The same for descriptions."
    )
    sync_owner_images: Annotated[dict[str, Owner], NoDecode] = Field(
        dict(DEFAULT_OWNERS["images"]), description="The same for images and the thumbnail."
    )
    sync_owner_category: Annotated[dict[str, Owner], NoDecode] = Field(
        dict(DEFAULT_OWNERS["category"]),
        description="The same for categories. feed: the product is in the feed's category alone.",
    )
    sync_stock_level: int = Field(10, ge=0, description="Level of an offer that the feed says is in stock.")
    sync_stock_from_feed: bool = Field(
        False,
        description="Use the feed's own quantity where it gives one. Off: AWIN quantities are often stale or capped.",
    )
    sync_unknown_stock: UnknownStock = Field(
        UnknownStock.KEEP,
        description="A blank stock cell in a feed that fills the column elsewhere: keep the shop's level, or read it "
        "as in_stock or out_of_stock.",
    )
    sync_loose_matches: LooseMatches = Field(
        LooseMatches.HOLD,
        description="An offer and a shop product that only look alike: hold (neither imported nor hidden until you "
        "decide) or ignore (import the one, hide the other).",
    )
    sync_hide: Hide = Field(
        Hide.ALL,
        description="Which published products that are not in the feed are hidden. all: every one, but those that no "
        "feed ever held wait for your decision, once per product. ours: only what this program imported or adopted.",
    )
    sync_uncounted_sold_out: UncountedSoldOut = Field(
        UncountedSoldOut.LEAVE,
        description="A product of ours that is sold out in the feed and whose inventory Medusa does not manage, so "
        "that it can still be bought: leave (it is reported) or hide (until it is in stock again).",
    )
    sync_join: Annotated[list[str], NoDecode] = Field(
        [],
        description="Handles of your own collections and categories, and your own tags, that imported products join "
        "when the feed has a brand, category or merchant of that name; `*`: any. All others get their own.",
    )
    guard_hide_percent: float = Field(
        10, ge=0, le=100, description="Hide at most this share of the published products at once, or the floor below."
    )
    guard_hide_floor: int = Field(
        20, ge=0, description="This many may always be hidden: in a small shop, one product is a large share."
    )
    guard_hide_after_feeds: int = Field(
        1,
        ge=1,
        description="Hide a product once this many accepted feeds in a row lack it. The same file again does not "
        "count, nor does a feed that a guard holds.",
    )
    guard_zero_percent: float = Field(
        25,
        ge=0,
        le=100,
        description="Set at most this share of the stocked variants to zero at once, or the floor below.",
    )
    guard_zero_floor: int = Field(50, ge=0, description="This many may always be set to zero.")
    guard_price_percent: float = Field(
        5,
        ge=0,
        le=100,
        description="Change at most this share of the prices by GUARD_PRICE_CHANGE_PERCENT or more at once; "
        "otherwise no price changes until you decide.",
    )
    guard_price_change_percent: float = Field(50, ge=0, description="What counts as a large change of a price.")
    guard_price_jump: Annotated[tuple[float, float], NoDecode] = Field(
        (PRICE_JUMP.fall_percent, PRICE_JUMP.rise_percent),
        description="How far a single price may fall and rise, in percent, before it waits for your decision, whatever "
        "the others do: `50 200` lets it fall by half and rise threefold, at once or in the steps of 30 days.",
    )
    guard_price_median_percent: float = Field(
        20,
        ge=0,
        description="How far the price in the middle of all matched ones may move, at once or in the steps of 30 days, "
        "and on average all of them half as far; otherwise no price changes until you decide. A column with net prices "
        "moves all of them.",
    )
    guard_grown_percent: float = Field(
        50,
        ge=0,
        description="How many offers more than usual a feed or a merchant may have, as a share of the usual number, or "
        "the floor below; otherwise nothing is imported until you decide. The same holds for the products that are "
        "published again, put on sale again, or rewritten at once, as a share of all of them.",
    )
    guard_grown_floor: int = Field(100, ge=0, description="So many more may always come at once.")
    guard_accepted_percent: float = Field(
        80,
        ge=0,
        le=100,
        description="A feed with less than this share of the usual offers hides nothing. Usual is the median of the "
        "last 5 accepted feeds, once there are 3.",
    )
    guard_rejected_percent: float = Field(
        10, ge=0, le=100, description="A feed with more than this share of its rows rejected hides nothing."
    )
    guard_frozen_days: int = Field(
        14, ge=1, description="Warn when a feed has been byte for byte the same for more days than this."
    )
    plan_hours: int = Field(24, ge=1, description="How many hours a plan that a guard held can be approved.")
    sync_rehost_images: bool = Field(
        False, description="Upload each image to Medusa instead of linking to the advertiser's address."
    )
    image_allowed_hosts: Annotated[list[str], NoDecode] = Field(
        [],
        description="Hosts of your own network that images may be fetched from, as host or host:port, separated by "
        "white space. Others are refused there, since a feed or a product could name any address. Medusa's own is "
        "always allowed.",
    )
    etsy_keystring: str | None = Field(
        None, description="Keystring of your app at Etsy (etsy.com/developers/your-apps)."
    )
    etsy_shared_secret: SecretStr | None = Field(
        None, description="Shared secret of the same app; Etsy asks for both on every call."
    )
    etsy_redirect_uri: str = Field(
        "http://localhost:3003/oauth/redirect",
        description="Where Etsy sends the browser after your consent. Enter exactly the same as a callback address "
        "of your app.",
    )
    etsy_api_url: str = Field("https://api.etsy.com", description="Address of Etsy's API.")
    etsy_oauth_url: str = Field(
        "https://www.etsy.com/oauth/connect", description="Address of the page where you give your consent."
    )
    etsy_cron: str = Field("0 3 * * *", description="When etsy_daily_schedule runs, in UTC.")
    etsy_confirm_minutes: int = Field(
        60,
        ge=1,
        description="How long an Etsy job waits for its confirmation; then it expires and nothing is sent. Requests of "
        "the daily job wait at least 20 hours.",
    )
    etsy_push_stock_down: bool = Field(
        False,
        description="Let the daily job lower quantities on Etsy without a confirmation, so that nothing is sold twice. "
        "Everything else still waits for one.",
    )

    etsy_import_sales: bool = Field(
        False,
        description="Lower the levels in Medusa by what is sold on Etsy, every hour and before the nightly comparison. "
        "The consent has to cover the orders: `awin-medusa etsy connect --import-sales`.",
    )
    etsy_owner_category: EtsyOwner = Field(
        EtsyOwner.SELLER,
        description="Who has the last word on the category of a listing. `seller`: a change that was made at Etsy "
        "stays and is told; `settings`: it is set back, once that is confirmed.",
    )
    etsy_owner_shipping_profile: EtsyOwner = Field(EtsyOwner.SELLER, description="The same for the shipping profile.")
    etsy_owner_return_policy: EtsyOwner = Field(EtsyOwner.SELLER, description="The same for the return policy.")
    etsy_owner_processing_profile: EtsyOwner = Field(
        EtsyOwner.SELLER, description="The same for the processing profile."
    )
    etsy_owner_auto_renew: EtsyOwner = Field(EtsyOwner.SELLER, description="The same for the automatic renewal.")
    etsy_owner_who_made: EtsyOwner = Field(
        EtsyOwner.SELLER, description="The same for who made it, when, and whether it is a supply: Etsy's one question."
    )
    etsy_owner_materials: EtsyOwner = Field(EtsyOwner.SELLER, description="The same for materials.")
    etsy_owner_tags: EtsyOwner = Field(EtsyOwner.SELLER, description="The same for tags.")
    etsy_owner_variations: EtsyOwner = Field(
        EtsyOwner.SELLER,
        description="The same for the properties that variants vary along, such as a colour of Etsy's.",
    )

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Use arguments, then the environment, then `env_file()`, which is looked up each time."""
        return init_settings, env_settings, DotEnvSettingsSource(settings_cls, env_file=env_file())

    @classmethod
    def variables(cls) -> list[str]:
        """Names of all environment variables, in the order of the fields."""
        return [name for field in cls.model_fields for name in variables_of(field)]

    @field_validator(*PLAIN_ADDRESSES)
    @classmethod
    def _without_credentials(cls, value: str | None) -> str | None:
        return plain_http(value) if value else value

    @field_validator("awin_medusa_home")
    @classmethod
    def _can_be_shown(cls, value: str) -> str:
        return place_of_files(value)

    @field_validator("medusa_backend_url")
    @classmethod
    def _without_slash(cls, value: str | None) -> str | None:
        # The operation log and the lease identify the shop by its address.
        return value.rstrip("/") if value else value

    @field_validator("sync_gentle_hours")
    @classmethod
    def _hours(cls, value: str | None) -> str | None:
        found = re.fullmatch(r"(\d{1,2})-(\d{1,2})", value or "")
        if value and not (found and int(found[1]) < 24 and int(found[2]) <= 24 and int(found[1]) != int(found[2])):
            raise ValueError(f"{value!r} is not two different hours: write 8-20 for 8:00 to 20:00 UTC.")
        return value or None

    @field_validator("guard_price_jump", "sync_kinds", "sync_join", "image_allowed_hosts", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        return value.replace(",", " ").split() if isinstance(value, str) else value

    @field_validator("sync_price_column", *(f"sync_owner_{field}" for field in (PRICE, *CONTENT)), mode="before")
    @classmethod
    def _parse_by_merchant(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        pairs = [item.rpartition("=") for item in value.split()]
        if odd := ["".join(pair) for pair in pairs if pair[1] and not (pair[0] and pair[2])]:
            raise ValueError(f"{odd[0]!r} names no merchant or no value: write 12345=value, without spaces around =.")
        return {merchant if separator else "*": chosen for merchant, separator, chosen in pairs}

    @property
    def local_home(self) -> Path:
        """Folder of the state that needs a real file system: AWIN_MEDUSA_HOME if local, else beside the project."""
        return local_path(home_path(self.awin_medusa_home)) or PROJECT_ROOT / ".awin_medusa"

    @property
    def scratch(self) -> Path:
        """Folder of what is needed while a run goes on: AWIN_MEDUSA_SCRATCH, else the local home."""
        given = self.awin_medusa_scratch
        return Path(given).expanduser().absolute() if given else self.local_home

    @property
    def is_ready(self) -> bool:
        """Whether feed, shop and key are set, without which nothing can be synced."""
        return bool(self.feed_addresses and self.medusa_backend_url and self.medusa_admin_api_key)

    @property
    def stock_rules(self) -> StockRules:
        """How the feed's stock cells become levels in the shop."""
        unknown = {UnknownStock.IN_STOCK: self.sync_stock_level, UnknownStock.OUT_OF_STOCK: 0, UnknownStock.KEEP: None}
        return StockRules(self.sync_stock_level, self.sync_stock_from_feed, unknown[self.sync_unknown_stock])

    @property
    def owners(self) -> Owners:
        """Owner of each field per merchant; merchants that are not listed use the default."""
        return {field: {**default, **getattr(self, f"sync_owner_{field}")} for field, default in DEFAULT_OWNERS.items()}

    @property
    def etsy_ours(self) -> frozenset[str]:
        """Names of etsy/domain/owners.py SELLERS that are not left to the seller."""
        prefix = "etsy_owner_"
        owners = {name.removeprefix(prefix): getattr(self, name) for name in type(self).model_fields if prefix in name}
        return frozenset(name for name, owner in owners.items() if owner is EtsyOwner.SETTINGS)

    @property
    def hide_rules(self) -> HideRules:
        """What keeps a product of the shop that is not in the feed."""
        return HideRules(
            hold_loose=self.sync_loose_matches is LooseMatches.HOLD,
            after=self.guard_hide_after_feeds,
            ours_alone=self.sync_hide is Hide.OURS,
            uncounted_sold_out=self.sync_uncounted_sold_out is UncountedSoldOut.HIDE,
        )

    @property
    def price_jump(self) -> PriceJump:
        """How far a single price may move without a question."""
        return PriceJump(*self.guard_price_jump)

    @property
    def gentle_hours(self) -> GentleHours | None:
        """When the shop is spared."""
        return GentleHours(*map(int, self.sync_gentle_hours.split("-"))) if self.sync_gentle_hours else None

    @property
    def guard_limits(self) -> Limits:
        """Limits for the guards, with shares of 1 instead of percentages."""
        return Limits(
            hide_share=self.guard_hide_percent / 100,
            hide_floor=self.guard_hide_floor,
            zero_share=self.guard_zero_percent / 100,
            zero_floor=self.guard_zero_floor,
            price_change=self.guard_price_change_percent / 100,
            price_share=self.guard_price_percent / 100,
            price_median=self.guard_price_median_percent / 100,
            grown_share=self.guard_grown_percent / 100,
            grown_floor=self.guard_grown_floor,
            accepted_share=self.guard_accepted_percent / 100,
            rejected_share=self.guard_rejected_percent / 100,
            frozen_for=timedelta(days=self.guard_frozen_days),
        )

    @property
    def feed_addresses(self) -> list[str]:
        """Feed addresses in the given order."""
        return self.awin_feed_url.get_secret_value().split() if self.awin_feed_url else []


def variables_of(name: str) -> list[str]:
    """Environment variables of the field `name`, the preferred one first."""
    alias = Settings.model_fields[name].validation_alias
    return [str(choice).upper() for choice in alias.choices] if isinstance(alias, AliasChoices) else [name.upper()]


def as_written(value: object) -> str:
    """The value of a setting as one would write it in `.env`."""
    if isinstance(value, list):
        return " ".join(map(str, value))
    if isinstance(value, tuple):
        return " ".join(f"{number:g}" for number in value)
    if isinstance(value, dict):
        return " ".join(name if key == "*" else f"{key}={name}" for key, name in value.items())
    return json.dumps(value) if isinstance(value, bool) else str(value)
