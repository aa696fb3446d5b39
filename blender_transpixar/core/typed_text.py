"""Text as people type, paste and save it: what cannot be seen in it means nothing. The server has the same rules."""

import codecs
import unicodedata

# Controls, formats such as zero-width spaces and joiners, and spaces of any kind.
_UNSEEN = frozenset({"Cc", "Cf", "Zs", "Zl", "Zp"})
# Letters and marks that look like nothing: Hangul fillers, an empty Braille cell, selectors of variants.
_FILLERS = frozenset("\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5") | {chr(code) for code in range(0xFE00, 0xFE10)}
# What copying brings along at the ends. Not all formats: flags and joined emoji end with some.
_BROUGHT_ALONG = frozenset("\ufeff\u200b\u2060\u00ad\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
_MARKS = {codecs.BOM_UTF8: "utf-8-sig", codecs.BOM_UTF16_LE: "utf-16", codecs.BOM_UTF16_BE: "utf-16"}


def is_blank(text: str) -> bool:
    """Whether nothing of a text can be seen."""
    return all(character in _FILLERS or unicodedata.category(character) in _UNSEEN for character in text)


def trimmed(text: str) -> str:
    """A text without what cannot be seen at its ends; nothing, where nothing can be seen."""
    if is_blank(text):
        return ""
    begin, end = 0, len(text)
    while _is_trimmed(text[begin]):
        begin += 1
    while _is_trimmed(text[end - 1]):
        end -= 1
    return text[begin:end]


def decoded(data: bytes) -> str:
    """A text file as an editor saved it: in UTF-8, or with the mark that Notepad puts before UTF-8 and UTF-16.

    Raises UnicodeDecodeError.
    """
    encoding = next((name for mark, name in _MARKS.items() if data.startswith(mark)), "utf-8")
    return data.decode(encoding)


def _is_trimmed(character: str) -> bool:
    return character.isspace() or character in _BROUGHT_ALONG or unicodedata.category(character) == "Cc"
