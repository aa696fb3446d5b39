"""The interface in other languages: complete, and saying what the English one says."""

import re
from string import Formatter

import bpy
import pytest

from blender_transpixar import translations
from blender_transpixar.bl import wording
from blender_transpixar.bl.wording import in_words
from tests.blender.shown_strings import DEFAULT, OPERATOR, shown_strings, told_sentences

LOCALES = list(translations.LANGUAGES)


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


@pytest.mark.parametrize("locale", LOCALES)
def test_nothing_that_is_shown_is_left_in_english(blender: None, locale: str):
    missing = shown_strings() - translations.table_of(locale).keys()
    assert not missing, f"Add these to {locale}: {sorted(missing)}"


@pytest.mark.parametrize("locale", LOCALES)
def test_no_sentence_of_the_core_is_left_in_english(locale: str):
    known = {re.sub(r"{[^}]*}", "{}", english) for _context, english in translations.table_of(locale)}
    missing = told_sentences() - known
    assert not missing, f"Add these to {locale}: {sorted(missing)}"


@pytest.mark.parametrize("locale", LOCALES)
def test_gaps_and_ends_are_those_of_the_english_text(locale: str):
    for (_context, english), text in translations.table_of(locale).items():
        assert text.strip() == text != "", english
        assert gaps_in(text) == gaps_in(english), english
        for end in (".", "...", "?", ":"):
            assert text.endswith(end) == english.endswith(end), english


def test_a_finished_sentence_is_found_by_its_template(blender: None, monkeypatch: pytest.MonkeyPatch):
    german = translations.table_of("de_DE")
    # Blender as a Python module was built without other languages, so it is told here what it would say.
    monkeypatch.setattr(wording, "_translate", lambda text: german.get((DEFAULT, text), text))
    assert in_words("Step 3 of 20") == "Schritt 3 von 20"
    assert in_words("Step 3 of 20, clip 1 of 4") == "Schritt 3 von 20, Clip 1 von 4"
    sentence = (
        "The clip is not complete: 0001.png is missing in /clips/a {b}. Copy the whole folder, or make the clip again."
    )
    assert "0001.png fehlt in /clips/a {b}." in in_words(sentence)
    assert in_words("Nobody has translated this.") == "Nobody has translated this."


@pytest.mark.skipif(not bpy.app.build_options.international, reason="this Blender was built without other languages")
def test_blender_uses_them(blender: None):
    view = bpy.context.preferences.view
    view.language, view.use_translate_interface = "de_DE", True
    assert bpy.app.translations.pgettext_iface("Generate", OPERATOR) == "Erzeugen"
