"""The interface in other languages, through Blender's own mechanism; what is missing in one stays English."""

import bpy

from . import german

_LANGUAGES = {"de_DE": german}


def add_to_blender() -> None:
    """Let Blender translate the add-on's strings."""
    contexts = bpy.app.translations.contexts
    tables = {}
    for locale, language in _LANGUAGES.items():
        tables[locale] = {(contexts.default, english): text for english, text in language.TEXTS.items()} | {
            (contexts.operator_default, english): text for english, text in language.OPERATORS.items()
        }
    bpy.app.translations.register(__package__, tables)


def remove_from_blender() -> None:
    """Take the translations back."""
    bpy.app.translations.unregister(__package__)
