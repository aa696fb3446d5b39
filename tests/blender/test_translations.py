"""The interface in other languages: complete, and saying what the English one says."""

from string import Formatter

import bpy
import pytest

from blender_transpixar import translations
from tests.blender.shown_strings import DEFAULT, OPERATOR, shown_strings

LANGUAGES = [pytest.param(language, id=locale) for locale, language in translations._LANGUAGES.items()]


def table_of(language) -> dict[tuple[str, str], str]:
    texts = {(DEFAULT, english): text for english, text in language.TEXTS.items()}
    return texts | {(OPERATOR, english): text for english, text in language.OPERATORS.items()}


def gaps_in(text: str) -> list[tuple[str, str]]:
    return sorted((name, how or "") for _, name, how, _ in Formatter().parse(text) if name is not None)


def test_the_strings_are_found(blender: None):
    found = shown_strings()
    for expected in [
        (OPERATOR, "Generate"),
        (DEFAULT, "Queue"),
        (DEFAULT, "Guidance"),
        (DEFAULT, "Skip nothing: for the final clip"),
        (DEFAULT, "An effect, such as orange smoke"),
        (DEFAULT, "The settings fit the model"),
        (DEFAULT, "The model makes no clips {size} pixels wide; use {fitted}."),
    ]:
        assert expected in found


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_that_is_shown_is_left_in_english(blender: None, language):
    missing = shown_strings() - table_of(language).keys()
    assert not missing, f"Add these to {language.__name__}: {sorted(missing)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_nothing_is_translated_that_is_not_shown_any_more(blender: None, language):
    left_over = table_of(language).keys() - shown_strings()
    assert not left_over, f"Remove these from {language.__name__}: {sorted(left_over)}"


@pytest.mark.parametrize("language", LANGUAGES)
def test_gaps_and_ends_are_those_of_the_english_text(language):
    for (_context, english), text in table_of(language).items():
        assert text.strip() == text != "", english
        assert gaps_in(text) == gaps_in(english), english
        for end in (".", "...", "?", ":"):
            assert text.endswith(end) == english.endswith(end), english


@pytest.mark.skipif(not bpy.app.build_options.international, reason="this Blender was built without other languages")
def test_blender_uses_them(blender: None):
    view = bpy.context.preferences.view
    view.language, view.use_translate_interface = "de_DE", True
    assert bpy.app.translations.pgettext_iface("Generate", OPERATOR) == "Erzeugen"
