"""The words in a picture of a page, stored in the PNG file: browsers draw them differently."""

from __future__ import annotations

from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

__all__ = ["keep_words", "words_of"]

_NAME = "Description"
"""The PNG keyword for the description of a picture."""


def keep_words(picture: Path, text: str) -> None:
    """Write the words of a text into a PNG file."""
    info = PngInfo()
    info.add_itxt(_NAME, " ".join(text.split()))
    with Image.open(picture) as image:
        image.load()
        image.save(picture, pnginfo=info, optimize=True)


def words_of(picture: Path) -> list[str]:
    """Return the words stored in a PNG file."""
    with Image.open(picture) as image:
        return str(image.info[_NAME]).split()
