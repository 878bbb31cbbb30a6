"""Lists the invented brands, products and sentences of the generated feed."""

MERCHANTS = (
    "Fernhollow Outdoor",
    "Pell and Quay",
    "Marrowstone Home",
    "Tindle Street",
    "Oskerby Sports",
    "Larkwise",
    "Bramblecote Kids",
    "Nethergate Living",
)
BRANDS = (
    "Varnholt",
    "Quillby",
    "Ostrava Lane",
    "Tamsin & Rook",
    "Hexley",
    "Bruntwood",
    "Saltmarrow",
    "Kestrian",
    "Old Pier Works",
    "Lumenfjord",
    "Ardwen",
    "Mossgill",
    "Pennick",
    "Rook Harbour",
    "Dunvale",
    "Corriemoor",
)
LINES = (  # noqa: SIM905
    "Aster Brook Calder Drift Ember Fathom Gale Harbour Isle Juniper Kelp Larch Meridian Nimbus Orchard Pine Quarry "
    "Ridge Summit Tarn Umber Vale Willow Yarrow Zephyr Alder Beacon Cobble Dune Elder Flint Grove Heron Ivy Jetty Knoll"
).split()
TRAITS = (  # noqa: SIM905
    "Waterproof Lightweight Quilted Everyday Recycled Insulated Slim Relaxed Classic Compact Folding Hooded Ribbed "
    "Padded Soft Textured Striped Seamless Reversible Packable Washed Brushed Heavy Fine Stretch"
).split()
NOUNS = (
    ("Jacket", "Clothing > Coats > Jackets"),
    ("Rain Coat", "Clothing > Coats > Rainwear"),
    ("T-Shirt", "Clothing > Tops > T-Shirts"),
    ("Shorts", "Clothing > Shorts"),
    ("Trousers", "Clothing > Trousers"),
    ("Fleece", "Clothing > Tops > Fleeces"),
    ("Trainers", "Shoes|Trainers"),
    ("Walking Boots", "Shoes|Boots|Walking"),
    ("Sandals", "Shoes|Sandals"),
    ("Backpack", "Bags & Luggage > Backpacks"),
    ("Wash Bag", "Bags & Luggage > Wash Bags"),
    ("Beanie", "Accessories;;Winter"),
    ("Scarf", "Accessories;;Winter"),
    ("Gloves", "Accessories > Gloves"),
    ("Cushion", "Home > Living Room > Cushions"),
    ("Throw", "Home > Living Room > Throws"),
    ("Table Lamp", "Home > Lighting"),
    ("Kettle", "Home > Kitchen > Kettles"),
    ("Duvet Set", "Home > Bedroom"),
    ("Water Bottle", "Outdoor > Hydration"),
)
COLOURS = ("Navy", "Slate Grey", "Moss Green", "Rust", "Cream", "Black", "Sky Blue", "Plum")
SIZES = ("XS", "S", "M", "L", "XL", "XXL")
OPENINGS = (
    "Made for mornings that start before the sun does.",
    "A quiet favourite that goes with nearly everything.",
    "Built to be carried, worn and left out in the rain.",
    "The one you reach for without thinking.",
    "Cut from a fabric that keeps its shape, wash after wash.",
    "Small enough for a drawer, sturdy enough for a decade.",
    'Tested on the long path, not only on the "short cut".',
    "An old design, drawn again with fewer seams.",
)
MIDDLES = (
    "Double stitching at every edge, a lining that breathes and two pockets that close.",
    "The outer layer sheds light rain; the inner one dries within the hour.",
    "Finished by hand, so no two pieces are quite the same.",
    "Contains 60% recycled fibre, and the packaging is plain card.",
    "Fits true to size; between two sizes, take the larger one.",
    "Rated for daily use from spring to late autumn, and for a mild winter.",
)
CLOSINGS = (
    "Machine wash at 30°C. Do not tumble dry.",
    "Wipe clean with a damp cloth.",
    "Comes with a two-year guarantee; spare parts are available.",
    "Imported. Returns accepted within 28 days.",
    "Dimensions: 42 cm x 30 cm x 12 cm. Weight: 640 g.",
)
