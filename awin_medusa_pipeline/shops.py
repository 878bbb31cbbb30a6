"""Opens the shops of an installation: one by itself, or those that a file names, each with settings of its own.

Each shop of the file has its own state, tables and reports; they share console, Dagster and what the file leaves out.
"""

import difflib
import os
import re
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, get_args

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from sqlalchemy import make_url

from awin_medusa_pipeline.app import App
from awin_medusa_pipeline.core.errors import PermanentError
from awin_medusa_pipeline.settings import Settings, env_file
from awin_medusa_pipeline.sync.clients.awin_address import local_path

OWN = (
    "awin_feed_url",
    "medusa_backend_url",
    "medusa_admin_api_key",
    "medusa_publishable_key",
    "medusa_sales_channel",
    "medusa_stock_location",
    "medusa_shipping_profile",
)
"""Settings that no shop takes from the environment: a key must never be sent to another shop."""
COMMON = ("awin_medusa_home", "awin_medusa_scratch", "awin_medusa_shops", "dagster_webserver_url")
"""Settings that are one for all shops."""
NAME = re.compile(r"[a-z][a-z0-9_]{0,29}")
"""Names of shops become part of folders, addresses and names in Dagster."""
CORRECT = "Correct it; docs/scaling.md has an example."


class Shops(Mapping[str, App]):
    """The Apps of all shops, by name; the only shop of an installation without a file has the name ""."""

    def __init__(self, common: App, apps: Mapping[str, App]) -> None:
        self.common, self._apps = common, apps
        """`common`: what several shops share, above all the users of the console; the only shop itself."""

    @classmethod
    def of(cls, app: App) -> Self:
        """One shop alone, of several or the only one."""
        return cls(app, {app.shop: app})

    @classmethod
    def open(cls, make: Callable[..., App] = App) -> Self:
        """Open what environment and `.env` describe; `make` makes the App of settings and a shop's name.

        Raises PermanentError for a file that cannot be read or says something wrong.
        """
        common = make(Settings())
        if not common.settings.awin_medusa_shops:
            return cls.of(common)
        settings = read_shops(common.settings, Path(common.settings.awin_medusa_shops).expanduser().absolute())
        return cls(common, {name: make(own, shop=name) for name, own in settings.items()})

    def __getitem__(self, name: str) -> App:
        return self._apps[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._apps)

    def __len__(self) -> int:
        return len(self._apps)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for app in (self.common, *self._apps.values()):
            app.close()

    @property
    def names(self) -> list[str]:
        """Names of the shops that have one."""
        return [name for name in self._apps if name]

    def choose(self, name: str) -> App:
        """The shop of a name; "": the only one. Raises PermanentError when there is none, or several."""
        if name in self._apps:
            return self._apps[name]
        if not name and len(self._apps) == 1:
            return next(iter(self._apps.values()))
        if not self.names:
            raise PermanentError(
                f"Looking for the shop {name!r}",
                "there is one shop, without a name",
                "Leave --shop out, or name a file with several shops in AWIN_MEDUSA_SHOPS.",
            )
        raise PermanentError(
            f"Looking for the shop {name!r}" if name else "Choosing a shop",
            "there is no such shop" if name else f"there are {len(self._apps)}",
            f"Name one: --shop {' or --shop '.join(self.names)}.",
        )


def read_shops(common: Settings, file: Path) -> dict[str, Settings]:
    """Read the settings of each shop from a TOML file with a table per shop. Raises PermanentError.

    A setting that a shop leaves out is taken from `common`; those of OWN are not.
    """
    tried = f"Reading the shops in {file}"
    try:
        entries = tomllib.loads(file.read_text(encoding="utf-8"))
    except (OSError, tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise PermanentError(tried, reason or "it cannot be read", CORRECT) from None
    if not entries:
        raise PermanentError(tried, "it names no shop", CORRECT)
    known = {**dotenv_values(env_file()), **os.environ}
    shops = {}
    for name, entry in entries.items():
        if not NAME.fullmatch(name) or not isinstance(entry, dict):
            to_do = "Begin a table per shop: [name], of small letters, digits and _, 30 at most."
            raise PermanentError(tried, f"{name!r} is no name of a shop with settings", to_do)
        own = {key.lower(): value for key, value in entry.items()}
        shops[name] = _settings_of(f"{tried}, shop {name}", common, name, own, known)
    _check_apart(tried, shops)
    return shops


def _settings_of(
    tried: str, common: Settings, name: str, entry: Mapping[str, Any], known: Mapping[str, str | None]
) -> Settings:
    for key in entry:
        if key not in Settings.model_fields:
            near = difflib.get_close_matches(key, Settings.model_fields, 1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise PermanentError(tried, f"there is no setting {key}", f"docs/configuration.md lists them.{meant}")
        if key in COMMON:
            raise PermanentError(tried, f"{key} is one for all shops", "Set it in .env or in the environment.")
    values = {key: _resolved(tried, key, value, known) for key, value in entry.items()}
    places = {
        "awin_medusa_home": f"{common.awin_medusa_home.rstrip('/')}/shops/{name}",
        "awin_medusa_scratch": str(common.scratch / "shops" / name),
        "awin_medusa_database_url": _database_of(common.awin_medusa_database_url, name),
    }
    try:
        return Settings(**dict.fromkeys(OWN) | places | values)
    except ValidationError as error:
        # Without the values: one may be a key in the wrong place.
        wrong = "; ".join(f"{fault['loc'][0]}: {fault['msg']}" for fault in error.errors())
        raise PermanentError(tried, wrong, CORRECT) from None


def _resolved(tried: str, key: str, value: Any, known: Mapping[str, str | None]) -> Any:
    """The value of a setting: as it is written, or of the variable or file that it names."""
    if isinstance(value, dict) and set(value) == {"env"}:
        if not (found := known.get(str(value["env"]))):
            raise PermanentError(tried, f"{key} names the variable {value['env']}, which is not set", "Set it.")
        return found
    if isinstance(value, dict) and set(value) == {"file"}:
        try:
            return Path(str(value["file"])).expanduser().read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise PermanentError(
                tried, f"{key} names the file {value['file']}: {reason}", "Let this program read it."
            ) from None
    if _is_secret(key) and not (key == "awin_feed_url" and _are_files(value)):
        raise PermanentError(
            tried,
            f"{key} is a secret, and stands in the file itself",
            f'Name the variable or the file that holds it: {key} = {{ env = "NAME" }} or {{ file = "/path" }}.',
        )
    return value


def _is_secret(key: str) -> bool:
    annotation = Settings.model_fields[key].annotation
    return SecretStr in (annotation, *get_args(annotation))


def _are_files(addresses: Any) -> bool:
    return all(local_path(address) is not None for address in str(addresses).split())


def _database_of(common: SecretStr | None, name: str) -> str | None:
    """The database of a shop that names none: beside the common one, with the shop's name after that one's."""
    if common is None:
        return None
    url = make_url(common.get_secret_value())
    path = Path(url.database or "")
    database = str(path.with_stem(f"{path.stem}_{name}")) if path.is_absolute() else f"{url.database}_{name}"
    return url.set(database=database).render_as_string(hide_password=False)


def _check_apart(tried: str, shops: Mapping[str, Settings]) -> None:
    """Check that no two shops are one Medusa or keep their state in one database."""
    for key, what in (("medusa_backend_url", "the same Medusa"), ("awin_medusa_database_url", "the same database")):
        values = {name: getattr(settings, key) for name, settings in shops.items()}
        for value, number in Counter(values.values()).items():
            if value and number > 1:
                both = " and ".join(name for name, one in values.items() if one == value)
                raise PermanentError(
                    tried, f"{both} name {what} in {key}", "Give each its own: two would change one shop."
                )
