"""The interface in other languages, through Blender's own mechanism; what is missing in one stays English."""

from types import ModuleType

import bpy

from . import french, french_sentences, german, german_sentences

# The labels of buttons, other texts of the interface, and the sentences of the core and the server.
LANGUAGES: dict[str, tuple[ModuleType, ModuleType]] = {
    "de_DE": (german, german_sentences),
    "fr_FR": (french, french_sentences),
}


def table_of(locale: str) -> dict[tuple[str, str], str]:
    """A language as Blender takes it: the translation by context and English text."""
    interface, sentences = LANGUAGES[locale]
    contexts = bpy.app.translations.contexts
    texts = {(contexts.default, english): text for english, text in (interface.TEXTS | sentences.SENTENCES).items()}
    return texts | {(contexts.operator_default, english): text for english, text in interface.OPERATORS.items()}


def templates() -> list[str]:
    """The English sentences that some language translates with gaps in them."""
    return list({english: None for _interface, sentences in LANGUAGES.values() for english in sentences.SENTENCES})


def add_to_blender() -> None:
    """Let Blender translate the add-on's strings."""
    bpy.app.translations.register(__package__, {locale: table_of(locale) for locale in LANGUAGES})


def remove_from_blender() -> None:
    """Take the translations back."""
    bpy.app.translations.unregister(__package__)
