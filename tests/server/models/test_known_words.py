"""A prompt that is about nothing that a small model was trained on is told, with what it does know."""

from pathlib import Path

import pytest

import server.models
from server.models import ModelDescription
from server.models.description import Vocabulary
from server.models.known_words import SIMILAR, KnownWords
from server.training.effects import FAMILIES
from server.training.effects.vocabulary import vocabulary

MINI = Path(server.models.__file__).parent / "mini"

# No caption holds these words: thirty that mean something like an effect, and thirty that do not.
NEAR = [
    "wildfire", "flare", "volcano", "dust", "ash", "haze", "hail", "hurricane", "cyclone", "spray", "beam", "laser",
    "aura", "foam", "frost", "ice", "storm", "lava", "candle", "dynamite", "grenade", "glow", "flash", "shower",
    "explode", "thunder", "debris", "explosions", "rains", "clouds",
]  # fmt: skip
FAR = [
    "car", "dog", "cat", "horse", "house", "person", "woman", "man", "king", "computer", "phone", "book", "chair",
    "table", "pizza", "bread", "music", "guitar", "city", "street", "football", "dragon", "robot", "tree",
    "mountain", "river", "bird", "fish", "dinosaur", "castle",
]  # fmt: skip


@pytest.fixture(scope="module")
def known():
    """What a model knows that was taught every family, on the word vectors of the embedded one."""
    description = ModelDescription.read(MINI).model_copy(
        update={"effects": tuple(FAMILIES), "vocabulary": Vocabulary.model_validate(vocabulary(FAMILIES))}
    )
    words = KnownWords.of_model(description, MINI)
    assert words is not None
    return words


def test_the_threshold_parts_what_is_near_from_what_is_far(known):
    assert len(NEAR) == len(FAR) == 30
    missed = [word for word in NEAR if known.similarity(word) < SIMILAR]
    accepted = [word for word in FAR if known.similarity(word) >= SIMILAR]
    assert (missed, accepted) == (["aura", "flash"], ["tree"])


@pytest.mark.parametrize(
    "prompt",
    ["blue fire", "A Puff of ORANGE smoke", "a wildfire in the night", "magic", "something burning", "rain", "bomb!"],
)
def test_what_the_model_knows_is_not_warned_of(known, prompt):
    assert known.warning(prompt) is None


@pytest.mark.parametrize(
    ("prompt", "named"),
    [
        ("a red car", "'car'"),
        ("A dog on the street with a hat", "'dog' or 'street' or 'hat'"),
        ("a bar of soap", "'bar'"),
        ("xyzzy", "'xyzzy'"),
        ("a chrome dragon with laser eyes", "'chrome' or 'dragon' or 'eyes'"),
        ("ein Auto", "'ein' or 'auto'"),
    ],
)
def test_what_it_does_not_know_is_named(known, prompt, named):
    warning = known.warning(prompt)
    assert warning.startswith(f"The model mini does not know {named}. It knows fire, smoke, sparks, ")


@pytest.mark.parametrize("prompt", ["orange", "a big slow one, please", "!!!", "🔥", "..."])
def test_a_prompt_without_any_noun_is_told_what_there_is(known, prompt):
    assert "It knows fire, smoke," in known.warning(prompt)


def test_a_family_that_was_not_taught_is_not_known():
    description = ModelDescription.read(MINI).model_copy(
        update={"effects": ("fire",), "vocabulary": Vocabulary.model_validate(vocabulary(["fire"]))}
    )
    assert "does not know 'confetti'. It knows fire;" in KnownWords(description, None).warning("pink confetti")


def test_effects_without_a_vocabulary_are_known_by_their_names():
    description = ModelDescription.read(MINI).model_copy(update={"effects": ("fire",), "vocabulary": None})
    words = KnownWords(description, None)
    assert words.warning("blue fire") is None
    assert words.warning("blue smoke") is not None


def test_a_model_that_takes_any_prompt_has_nothing_to_check(tmp_path):
    description = ModelDescription.read(MINI).model_copy(update={"effects": ()})
    assert KnownWords.of_model(description, MINI) is None


def test_files_that_cannot_be_read_leave_the_exact_words(tmp_path):
    words = KnownWords.of_model(ModelDescription.read(MINI), tmp_path)
    assert words is not None and words.similarity("fire") == -1
    assert words.warning("fire") is None
