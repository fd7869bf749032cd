"""Text of others in a picture: what looks like a formula stays text, and what no font has is spelt out."""

from __future__ import annotations

import unicodedata
from functools import cache

from mpm_ops.harmless import harmless

#: Characters of a name that are drawn.
_WIDTH = 32
#: In the place of what has neither a glyph nor a name that sounds.
_SQUARE = "\N{WHITE SQUARE}"
#: They shape their neighbours, and have no look of their own.
_JOINERS = "\u200c\u200d"


def lettering(text: object, *, width: int = _WIDTH) -> str:
    """Return a value as one line that can be drawn, of so many characters: `हिमाल` is `himaala` where no font has it.

    Fonts are those of matplotlib's setting font.family.
    """
    words = " ".join(harmless(str(text)).split())
    drawn = _spelt(unicodedata.normalize("NFC", words))
    drawn = drawn if len(drawn) <= width else f"{drawn[: width - 1]}…"
    # An odd number of dollars would be text, an even one a formula; behind a backslash each is a dollar.
    return drawn.replace("$", r"\$")


def _spelt(text: str) -> str:
    """Spell letters that no font has by their names: LETTER MA is ma, and VOWEL SIGN I after it makes it mi."""
    spelt: list[str] = []
    for character in text:
        if _has_glyph(character):
            spelt.append(character)
            continue
        name, kind = unicodedata.name(character, ""), unicodedata.category(character)[0]
        silent = "VIRAMA" in name or "ASAT" in name
        if spelt and kind == "M" and (silent or "VOWEL SIGN" in name):
            spelt[-1] = spelt[-1].removesuffix("a")  # the vowel that is part of every consonant makes room
        sound = name.rpartition(" ")[2].lower()
        if not silent and character not in _JOINERS:
            spelt.append(sound if kind in "LM" and sound.isalpha() else _SQUARE)
    return "".join(spelt)


def _has_glyph(character: str) -> bool:
    import matplotlib as mpl

    return any(character in _letters(family) for family in mpl.rcParams["font.family"])


@cache
def _letters(family: str) -> frozenset[str]:
    from matplotlib import font_manager

    font = font_manager.get_font(font_manager.findfont(font_manager.FontProperties(family=[family])))
    return frozenset(map(chr, font.get_charmap()))
