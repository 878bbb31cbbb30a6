"""Reads Medusa's answers: of the shape that this program knows, or an error that says what came instead.

Whatever asks, and for which fields, a name means the same thing in all of Medusa's answers, so one type describes them
all. What an answer lacks is an error only where somebody looks for it.
"""

import json
from collections.abc import Callable
from typing import Annotated, Any, ClassVar, NoReturn, NotRequired

import httpx
from pydantic import ConfigDict, Field, StringConstraints, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from awin_medusa_pipeline.core.http import PermanentError, PipelineError, UnknownOutcomeError

CHECK = "Check that MEDUSA_BACKEND_URL is a Medusa v2 server, and that nothing in front of it answers instead."
_SHOWN_FAULTS = 3

MOST = 10**13
"""What our tables of money hold."""
MOST_PIECES = 2**53
"""What JSON's numbers tell exactly. A level that somebody mistypes in Medusa Admin must not hide the shop from us."""
Count = Annotated[int, Field(ge=0, le=MOST)]
# A whole number is a float to pydantic, too.
Quantity = Annotated[float, Field(ge=-MOST_PIECES, le=MOST_PIECES, allow_inf_nan=False)]
Number = (
    Annotated[float, Field(ge=-MOST, le=MOST, allow_inf_nan=False)]
    | Annotated[str, StringConstraints(pattern=r"^-?\d{1,13}(\.\d{1,30})?$")]
)
Text = str | None


class Option(TypedDict, total=False):
    """An option of a product, such as its size."""

    id: str
    title: str


class Thing(TypedDict, total=False):
    """Anything in an answer, and the answer as a whole."""

    __pydantic_config__ = ConfigDict(strict=True, extra="ignore")  # type: ignore[misc]

    id: str
    handle: str
    title: Text
    name: Text
    value: str
    url: str
    status: str
    external_id: Text
    description: Text
    thumbnail: Text
    material: Text
    sku: Text
    barcode: Text
    ean: Text
    upc: Text
    product_id: Text
    location_id: str
    inventory_item_id: str
    currency_code: str
    created_at: str
    updated_at: str
    manage_inventory: bool | None
    allow_backorder: bool | None
    metadata: dict[str, Any] | None
    count: Count
    amount: Number
    calculated_amount: Number
    rank: Number | None
    variant_rank: Number | None
    inventory_quantity: Quantity | None
    stocked_quantity: Quantity | None
    reserved_quantity: Quantity | None
    required_quantity: Quantity | None
    min_quantity: Quantity | None
    max_quantity: Quantity | None
    weight: Number | None
    length: Number | None
    width: Number | None
    height: Number | None
    product: "Thing"
    inventory: "Thing | None"
    option: Option
    inventory_item: "Thing"
    calculated_price: "Thing | None"
    products: "list[Thing]"
    variants: "list[Thing]"
    options: "list[Thing] | None"
    values: "list[Thing]"
    prices: "list[Thing] | None"
    images: "list[Thing] | None"
    tags: "list[Thing] | None"
    categories: "list[Thing] | None"
    inventory_items: "list[Thing] | None"
    location_levels: "list[Thing] | None"
    sales_channels: "list[Thing] | None"
    supported_currencies: "list[Thing] | None"
    items: "list[Thing] | None"
    stores: "list[Thing]"
    stock_locations: "list[Thing]"
    shipping_profiles: "list[Thing]"
    orders: "list[Thing]"
    draft_orders: "list[Thing]"
    product_categories: "list[Thing]"
    product_tags: "list[Thing]"
    collections: "list[Thing]"
    # Of a product that is in none.
    product_tag: "Thing | None"
    collection: "Thing | None"
    product_category: "Thing | None"
    created: "list[Thing]"
    updated: "list[Thing]"
    files: "list[Thing]"


_SHAPE = TypeAdapter(Thing)


class _Price(TypedDict):
    amount: Number
    currency_code: str
    min_quantity: NotRequired[Quantity | None]
    max_quantity: NotRequired[Quantity | None]
    rules: NotRequired[Any]


class _CalculatedPrice(TypedDict):
    calculated_amount: Number
    currency_code: str


class _Level(TypedDict):
    location_id: str
    stocked_quantity: NotRequired[Quantity | None]
    reserved_quantity: NotRequired[Quantity | None]


class _Item(TypedDict):
    location_levels: NotRequired[list[_Level] | None]


class _Link(TypedDict):
    inventory_item_id: str
    required_quantity: NotRequired[Quantity | None]
    inventory: NotRequired[_Item | None]


class _Image(TypedDict):
    url: str


class _Variant(TypedDict):
    id: str
    title: NotRequired[Text]
    sku: NotRequired[Text]
    barcode: NotRequired[Text]
    ean: NotRequired[Text]
    upc: NotRequired[Text]
    manage_inventory: NotRequired[bool | None]
    allow_backorder: NotRequired[bool | None]
    metadata: NotRequired[dict[str, Any] | None]
    prices: NotRequired[list[_Price] | None]
    calculated_price: NotRequired[_CalculatedPrice | None]
    inventory_items: NotRequired[list[_Link] | None]
    inventory_quantity: NotRequired[Quantity | None]


class _Product(TypedDict):
    id: str
    handle: str
    title: NotRequired[Text]
    status: NotRequired[Text]
    external_id: NotRequired[Text]
    description: NotRequired[Text]
    thumbnail: NotRequired[Text]
    metadata: NotRequired[dict[str, Any] | None]
    images: NotRequired[list[_Image] | None]
    variants: NotRequired[list[_Variant] | None]


class _Page(TypedDict):
    products: list[_Product]


PRODUCT_PAGE = TypeAdapter(_Page)
"""A page of the catalogue. It may have a thousand products, so all that is read of it is checked while it is parsed."""


class Entry(dict[str, Any]):
    """An object in an answer; what it lacks is an error that says so."""

    __slots__ = ()
    fault: ClassVar[Callable[[str], PipelineError]]

    def __missing__(self, name: str) -> NoReturn:
        raise type(self).fault(f"an answer without {name}")


def read(
    response: httpx.Response, tried: str, *, writes: bool, shape: TypeAdapter[Any] | None = None
) -> dict[str, Any]:
    """Read an answer; `shape`: where all that is read of it is known, and nothing else is kept.

    Raises PermanentError; after a write UnknownOutcomeError, since it may have been carried out.
    """

    def fault(what: str) -> PipelineError:
        kind = UnknownOutcomeError if writes else PermanentError
        return kind(tried, f"HTTP {response.status_code} with {what}", CHECK, status=response.status_code)

    try:
        return _of_shape(shape, response.content) if shape else _of_any_shape(response.content, fault)
    except ValidationError as error:
        faults = error.errors(include_input=False, include_url=False, include_context=False)
        places = [place for place in dict.fromkeys(".".join(map(str, one["loc"][:6])) for one in faults) if place]
        if not places:
            raise fault("an answer that is not JSON, or no object") from None
        raise fault(f"an answer of another shape ({', '.join(places[:_SHOWN_FAULTS])})") from None
    except (ValueError, RecursionError):
        raise fault("an answer that is not JSON") from None


def _of_shape(shape: TypeAdapter[Any], content: bytes) -> dict[str, Any]:
    answer: dict[str, Any] = shape.validate_json(content, strict=True)
    return answer


def _of_any_shape(content: bytes, fault: Callable[[str], PipelineError]) -> dict[str, Any]:
    def no_number(name: str) -> NoReturn:
        raise ValueError(f"{name} is no number")

    # One class for each answer: an object that is told its answer takes three times as long to make (measured).
    entry: type[Entry] = type("Entry", (Entry,), {"__slots__": (), "fault": staticmethod(fault)})
    answer = json.loads(content, object_hook=entry, parse_constant=no_number)
    if not isinstance(answer, Entry):
        raise fault(f"{_kind(answer)} where an object belongs")
    _SHAPE.validate_python(answer)
    return answer


def _kind(answer: object) -> str:
    return {list: "a list", str: "a text", type(None): "nothing"}.get(type(answer), "a number")
