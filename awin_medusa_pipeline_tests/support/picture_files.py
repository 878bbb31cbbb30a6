"""Picture files of any kind: as a camera, a program or a fault leaves them."""

import struct
from io import BytesIO
from typing import Any

from PIL import Image


def drawn(mode: str = "RGB", width: int = 60, height: int = 40) -> Image.Image:
    """A picture that is red on the left and green on the right, half transparent where the mode has that."""
    colours = Image.new("RGB", (width, height), (230, 20, 20))
    colours.paste((20, 230, 20), (width // 2, 0, width, height))
    if mode == "RGBA":
        colours.putalpha(128)
        return colours
    return colours.convert(mode)


def file(kind: str, image: Image.Image | None = None, **options: Any) -> bytes:
    """The bytes of a file: JPEG, PNG, GIF, WEBP, AVIF, BMP."""
    made = BytesIO()
    (image or drawn()).save(made, kind, **options)
    return made.getvalue()


def noise(width: int, height: int) -> Image.Image:
    """A picture that hardly any format makes small."""
    return Image.effect_noise((width, height), 100).convert("RGB")


def upright_by_exif() -> Image.Exif:
    """Says that the picture is to be turned by a quarter."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def profile_with_swapped_colours() -> bytes:
    """An ICC profile in which red is green, and green is red: nobody can overlook whether it was heeded."""
    primaries = {
        b"rXYZ": (0.3851, 0.7169, 0.0971),
        b"gXYZ": (0.4361, 0.2225, 0.0139),
        b"bXYZ": (0.1431, 0.0606, 0.7139),
    }
    colours = {name: b"XYZ " + bytes(4) + b"".join(map(_fixed, xyz)) for name, xyz in primaries.items()}
    curve = b"curv" + bytes(4) + struct.pack(">IHxx", 1, round(2.2 * 256))
    white = b"XYZ " + bytes(4) + b"".join(map(_fixed, (0.9642, 1.0, 0.8249)))
    text = b"desc" + bytes(4) + struct.pack(">I", 5) + b"test\0" + bytes(79)
    tags = {b"desc": text, b"wtpt": white, **colours, **dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), curve)}
    table, data, start = b"", b"", 128 + 4 + 12 * len(tags)
    for name, content in tags.items():
        padded = content + bytes(-len(content) % 4)
        table += name + struct.pack(">II", start + len(data), len(content))
        data += padded
    body = struct.pack(">I", len(tags)) + table + data
    head = struct.pack(">I4sI4s4s4s", 128 + len(body), b"lcms", 0x02400000, b"mntr", b"RGB ", b"XYZ ")
    head += struct.pack(">6H", 2026, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(_fixed, (0.9642, 1.0, 0.8249)))
    return head + bytes(128 - len(head)) + body


def _fixed(number: float) -> bytes:
    return struct.pack(">i", round(number * 65536))
