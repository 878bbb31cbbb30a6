"""Finds and makes the entries of Medusa's lists that products are in: collections, categories, tags."""

import logging
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from awin_medusa_pipeline.core.batching import parts
from awin_medusa_pipeline.core.http import PermanentError, UnknownOutcomeError
from awin_medusa_pipeline.medusa.answers import CHECK
from awin_medusa_pipeline.medusa.client import MedusaClient
from awin_medusa_pipeline.medusa.shapes import Json

log = logging.getLogger(__name__)

# Express takes bodies of 100 kB; 200 bodies of names, handles and marks have 60 kB.
_AT_ONCE = 200


@dataclass(frozen=True)
class Route:
    """One of Medusa's lists that products can be in."""

    name: str
    answer: str
    """Key of an entry in answers."""
    key: str
    """What identifies an entry for people: handle or value."""
    title: str
    filter: str
    """Filter of products by the id of an entry."""
    list: str
    """Key of the bodies in the input of the workflow that makes many."""

    @property
    def workflow(self) -> str:
        """Name of that workflow."""
        return f"create-{self.name}"


COLLECTIONS = Route("collections", "collection", "handle", "title", "collection_id", "collections")
CATEGORIES = Route("product-categories", "product_category", "handle", "name", "category_id", "product_categories")
TAGS = Route("product-tags", "product_tag", "value", "value", "tag_id", "product_tags")


def ensure(client: MedusaClient, route: Route, entries: Mapping[str, Json]) -> dict[str, str]:
    """Find the ids of entries by their key, making those missing.

    `entries`: key -> body to make it with. Two runs that make the same one at once end up with one. One that Medusa
    refuses is left out: it costs its products a brand or a category, not the import.
    """
    ids = _ids(client, route, list(entries))
    for part in parts(iter([key for key in entries if key not in ids]), _AT_ONCE):
        ids |= _made(client, route, {key: entries[key] for key in part})
    return ids


def _made(client: MedusaClient, route: Route, entries: Mapping[str, Json]) -> dict[str, str]:
    """Make entries with one call, where Medusa has such a call for us; those that are not there then in halves."""
    keys = list(entries)
    if len(keys) == 1 or not client.runs_workflows:
        with ThreadPoolExecutor(2, thread_name_prefix=route.name) as threads:
            made = threads.map(lambda key: _make_one(client, route, key, entries[key]), keys)
            return {key: id_ for key, id_ in zip(keys, made, strict=True) if id_}
    try:
        client.run_workflow(route.workflow, {route.list: list(entries.values())})
    except (PermanentError, UnknownOutcomeError) as error:
        if error.status in (401, 403):
            raise
    found = _ids(client, route, keys)
    left = [key for key in keys if key not in found]
    middle = len(left) // 2 if len(left) == len(keys) else len(left)
    for half in (left[:middle], left[middle:]):
        found |= _made(client, route, {key: entries[key] for key in half}) if half else {}
    return found


def _make_one(client: MedusaClient, route: Route, key: str, body: Json) -> str | None:
    for last in (False, False, True):
        try:
            made = client.post(f"/admin/{route.name}", body)[route.answer]
            if made is None:
                raise UnknownOutcomeError(
                    f"POST {client.base_url}/admin/{route.name}", f"no {route.answer} came back", CHECK
                )
            return str(made["id"])
        except (PermanentError, UnknownOutcomeError) as error:
            if found := _ids(client, route, [key]):
                return found[key]
            unknown = isinstance(error, UnknownOutcomeError)
            if error.status in (401, 403) or (unknown and last):
                raise
            if not unknown:
                log.warning("The products go without this. %s", error)
                return None
    raise AssertionError("the last try returns or raises")


def _ids(client: MedusaClient, route: Route, keys: Sequence[str]) -> dict[str, str]:
    try:
        return {entry[route.key]: entry["id"] for entry in client.where(route.name, route.key, keys, f"id,{route.key}")}
    except PermanentError as error:
        if error.status in (401, 403):
            raise
        if len(keys) == 1:
            log.warning("The products go without this. %s", error)
            return {}
    middle = len(keys) // 2
    return _ids(client, route, keys[:middle]) | _ids(client, route, keys[middle:])
