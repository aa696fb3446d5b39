"""Finished sentences in the artist's language: those of the core and the server, which know no languages."""

import functools

import bpy

from .. import translations
from ..core.templates import Templates


def in_words(sentence: str) -> str:
    """A sentence or a few words in the language of the interface; as they are where there is no translation.

    What fills a sentence's gaps, a file name for example, stays as it is unless it is such a sentence itself.
    """
    translated = _translate(sentence)
    if translated != sentence:
        return translated
    found = _templates().match(sentence)
    if found is None:
        return sentence
    template, gaps = found
    translated = _translate(template)
    return (
        sentence
        if translated == template
        else translated.format(**{name: in_words(filled) for name, filled in gaps.items()})
    )


def _translate(text: str) -> str:
    return bpy.app.translations.pgettext_rpt(text)


@functools.cache
def _templates() -> Templates:
    return Templates(translations.templates())
