"""Whether a prompt is about anything that a small model was trained on. Nothing here imports torch.

A model that lists its effects knows the words of its captions, and, through the word vectors that its text encoder
reads, words that are used like them: "wildfire" is near "blaze", "car" is near nothing that it draws.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
from safetensors import SafetensorError, safe_open

from server.models.description import ModelDescription, Vocabulary

# From this cosine similarity on, a word counts as one that the model can make something of. Chosen on sixty words, half
# of them near an effect; tests/server/models/test_known_words.py holds them and what comes out.
SIMILAR = 0.585
# Rows that the word vectors' common direction is taken from: the most frequent words come first.
_FREQUENT = 8000
# The most frequent words of all are "the", "of", "with" and the like; nobody is told that they are not known.
_FUNCTION_WORDS = 150

Vectors = npt.NDArray[np.float32]


@dataclass(frozen=True)
class WordVectors:
    """Unit vectors (N, D) and the row of each word; the most frequent word first."""

    rows: Mapping[str, int]
    vectors: Vectors

    @classmethod
    def of_model(cls, base: Path) -> Self | None:
        """The vectors that the text encoder in the folder `base` reads; None where its tokens are not whole words.

        Their mean and most common direction are taken out, which says how frequent a word is rather than what it means
        (Mu & Viswanath 2018, "All-but-the-Top").
        """
        try:
            model = json.loads((base / "tokenizer" / "tokenizer.json").read_text("utf-8"))["model"]
            if model["type"] != "WordLevel":
                return None
            with safe_open(base / "text_encoder" / "model.safetensors", "np") as file:
                table = file.get_tensor("shared.weight").astype(np.float32)
        except (OSError, KeyError, TypeError, ValueError, SafetensorError):
            return None
        words = {word: row for word, row in model["vocab"].items() if word.isalpha() and row < len(table)}
        centred = table - table[list(words.values())].mean(axis=0)
        frequent = centred[list(words.values())[:_FREQUENT]]
        common = np.linalg.eigh(frequent.T @ frequent)[1][:, -1]  # (D,), of the largest eigenvalue
        vectors = centred - np.outer(centred @ common, common)
        return cls(words, vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-6))


class KnownWords:
    """What a model that lists its effects can be asked for."""

    def __init__(self, description: ModelDescription, vectors: WordVectors | None) -> None:
        vocabulary = description.vocabulary or Vocabulary(effects=dict.fromkeys(description.effects, ()))
        self._name, self._effects = description.name, description.effects
        self._naming = {word for effect, words in vocabulary.effects.items() for word in (effect, *words)}
        self._others = set(vocabulary.others)
        self._vectors = vectors
        rows = [] if vectors is None else [vectors.rows[word] for word in self._naming if word in vectors.rows]
        self._near: Vectors | None = vectors.vectors[rows] if vectors is not None and rows else None

    @classmethod
    def of_model(cls, description: ModelDescription, base: Path) -> Self | None:
        """What the model with this description and base folder knows; None for one that takes any prompt."""
        return cls(description, WordVectors.of_model(base)) if description.effects else None

    def warning(self, prompt: str) -> str | None:
        """A sentence that names what the model knows when the prompt is about nothing of it; else None."""
        words = re.findall(r"[^\W\d_]+", unicodedata.normalize("NFKC", prompt).lower())
        if any(word in self._naming for word in words):
            return None
        similar = {word for word in words if self.knows(word)}
        told = self._others | similar
        unknown = [word for word in dict.fromkeys(words) if word not in told and not self._is_frequent(word)]
        # One word that is only used like an effect's, among more that are not, is mentioned and not what the prompt is
        # about: the laser of "a chrome dragon with laser eyes".
        if similar and len(unknown) <= len(similar):
            return None
        known = f"It knows {', '.join(self._effects)}; name one of them for a clip of it."
        if not unknown:
            return f"The prompt names no effect that the model {self._name} knows. {known}"
        named = " or ".join(f"'{word}'" for word in unknown[:3])
        return f"The model {self._name} does not know {named}. {known}"

    def knows(self, word: str) -> bool:
        """Whether a lower-case word names an effect, or is used like one that does."""
        return word in self._naming or (word not in self._others and self.similarity(word) >= SIMILAR)

    def similarity(self, word: str) -> float:
        """The highest cosine similarity to a word that names an effect; -1 for a word without a vector."""
        if self._vectors is None or self._near is None or word not in self._vectors.rows:
            return -1.0
        return float((self._near @ self._vectors.vectors[self._vectors.rows[word]]).max())

    def _is_frequent(self, word: str) -> bool:
        return self._vectors is not None and self._vectors.rows.get(word, _FUNCTION_WORDS) < _FUNCTION_WORDS
