"""Finished sentences are found by the templates that they were made from."""

from hypothesis import given
from hypothesis import strategies as st

from blender_transpixar.core.templates import Templates

TEMPLATES = [
    "There is no file {path}. Choose another one.",
    "{name} is missing in {folder}. Render it again.",
    "{hours} h {minutes} min left",
    "{minutes} min left",
    "Step {step} of {steps}",
    "Nothing has a gap here.",
]
FILLINGS = st.text(min_size=1, max_size=30)


@given(st.sampled_from(TEMPLATES[:5]), st.lists(FILLINGS, min_size=2, max_size=2))
def test_what_fills_the_gaps_comes_back(template: str, fillings: list[str]):
    names = ["path", "name", "hours", "minutes", "step", "folder", "steps"]
    gaps = {name: fillings[number // 5] for number, name in enumerate(names)}
    sentence = template.format(**gaps)
    found = Templates(TEMPLATES).match(sentence)
    assert found is not None
    # Perhaps by another template, or with another cut where the fillings repeat its words: but the same sentence.
    matched, filled = found
    assert matched.format(**filled) == sentence


@given(FILLINGS)
def test_what_was_made_from_no_template_is_left_alone(sentence: str):
    found = Templates(TEMPLATES).match(sentence)
    assert found is None or found[0].format(**found[1]) == sentence


def test_the_template_that_says_more_goes_first():
    templates = Templates(TEMPLATES)
    assert templates.match("2 h 5 min left") == ("{hours} h {minutes} min left", {"hours": "2", "minutes": "5"})
    assert templates.match("5 min left") == ("{minutes} min left", {"minutes": "5"})
    assert templates.match("Nothing has a gap here.") is None
