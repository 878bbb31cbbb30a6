"""Which picture belongs to which value, once variants or pictures have changed."""

import pytest

from awin_medusa_pipeline.etsy.domain.memory import LinkedImage
from awin_medusa_pipeline.etsy.domain.requests import VariationImage
from awin_medusa_pipeline.etsy.domain.variation_images import link_again, values_changed

RED = LinkedImage(property_id=513, value_id=1, value="Red", image_id=7)
BLUE = LinkedImage(property_id=513, value_id=2, value="Blue", image_id=8)
NAMELESS = LinkedImage(property_id=513, value_id=1, image_id=7)
VALUES = {(513, 1): "Red", (513, 2): "Blue"}
IMAGES = {7: 7, 8: 8}
AS_BEFORE = [(513, 1, 7), (513, 2, 8)]

CASES = {
    "as it was": ([RED, BLUE], VALUES, IMAGES, AS_BEFORE, []),
    "values with other ids": ([RED, BLUE], {(513, 5): "Red", (513, 6): "Blue"}, IMAGES, [(513, 5, 7), (513, 6, 8)], []),
    "values in other case": ([RED], {(513, 5): "RED"}, IMAGES, [(513, 5, 7)], []),
    "pictures with other ids": ([RED, BLUE], VALUES, {7: 9, 8: 8}, [(513, 1, 9), (513, 2, 8)], []),
    "a property at another place": ([RED], {(513, 3): "Oak", (514, 1): "Red"}, IMAGES, [(514, 1, 7)], []),
    "a value of both properties": ([RED], {(513, 1): "Red", (514, 1): "Red"}, IMAGES, [(513, 1, 7)], []),
    "moved, and of several": ([RED], {(514, 1): "Red", (515, 1): "Red"}, IMAGES, [], ["Red"]),
    "a value that is gone": ([RED, BLUE], {(513, 2): "Blue"}, IMAGES, [(513, 2, 8)], ["Red"]),
    "a picture that is gone": ([RED, BLUE], VALUES, {8: 8}, [(513, 2, 8)], ["Red"]),
    "values of two properties": (
        [RED, BLUE.model_copy(update={"property_id": 514})],
        {(513, 1): "Red", (514, 2): "Blue"},
        IMAGES,
        [(513, 1, 7)],
        ["Blue"],
    ),
    "without text, as it was": ([NAMELESS], VALUES, IMAGES, [(513, 1, 7)], []),
    "without text, with another id": ([NAMELESS], {(513, 5): "Red"}, IMAGES, [], ["value 1"]),
}


@pytest.mark.parametrize(("before", "values", "images", "wanted", "lost"), CASES.values(), ids=CASES.keys())
def test_what_is_linked_again(
    before: list[LinkedImage],
    values: dict[tuple[int, int], str],
    images: dict[int, int],
    wanted: list[tuple[int, int, int]],
    lost: list[str],
) -> None:
    links = tuple(VariationImage(property_id=p, value_id=v, image_id=i) for p, v, i in wanted)
    assert link_again(before, values, images) == (links, tuple(lost))


@pytest.mark.parametrize(
    ("before", "after", "changed"),
    [
        ({"price r": "5", "title": "a"}, {"price r": "6", "title": "b"}, False),
        ({"price r": "5"}, {"price r": "5", "price b": "5"}, True),
        ({"price r": "5"}, {"price": "5"}, True),
        ({"title": "a"}, {"price r": "5"}, False),
        ({}, {"price r": "5"}, False),
    ],
)
def test_values_that_changed(before: dict[str, str], after: dict[str, str], changed: bool) -> None:
    assert values_changed(before, after) is changed
