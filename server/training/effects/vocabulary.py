"""The words that a model trained on these captions knows, as its `transpixar.json` holds them."""

from collections.abc import Iterable

from server.training.effects.captions import LEADS, NOUNS, TAILS, words
from server.training.effects.palette import COLOURS

# Parts of nouns that name no effect by themselves: "soap bubbles" is about bubbles, "a bar of soap" is not.
_PARTS = frozenset(
    {"of", "puff", "burst", "floating", "falling", "flying", "soap", "paper", "party", "paint", "water", "underwater",
     "autumn", "energy", "glowing", "burning", "sonic", "strike", "bolt", "pulse", "ball", "ring", "liquid", "wave",
     "shock"}
)  # fmt: skip
# Motions that tell which effect is meant, though no noun does.
_TELLING = {
    "fire": {"burning", "blazing"},
    "smoke": {"billowing"},
    "explosion": {"exploding"},
    "lightning": {"crackling"},
    "swirl": {"swirling"},
    "splash": {"splashing"},
}


def vocabulary(families: Iterable[str]) -> dict[str, object]:
    """For each family the single words that name it, and the other words of captions; JSON can hold it."""
    effects = {family: sorted(_naming(family)) for family in families}
    # Words that name a family which this model was not taught are in neither: it does not know them.
    naming = set[str]().union(*(_naming(family) for family in NOUNS))
    fillers = {word.strip(",") for phrase in (*LEADS, *TAILS) for word in phrase.split()}
    others = (words() | set(COLOURS) | fillers) - naming
    return {"effects": effects, "others": sorted(word for word in others if word.isalpha())}


def _naming(family: str) -> set[str]:
    return {word for noun in NOUNS[family] for word in noun.split()} - _PARTS | _TELLING.get(family, set())
