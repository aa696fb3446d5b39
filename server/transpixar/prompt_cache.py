"""Text embeddings kept across jobs, so that a text encoder that has left need not come back for the same words."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

_DEFAULT_BYTES = 256 * 2**20  # over a hundred prompts of CogVideoX, 1.9 MB each


@dataclass(frozen=True, slots=True)
class PromptKey:
    """What an embedding depends on.

    Attributes:
        model: names the text encoder's weights, for example by its folder.
        prompt: the words.
        length: number of text tokens.
        dtype: of the encoder and of the embedding.
    """

    model: str
    prompt: str
    length: int
    dtype: torch.dtype


class PromptCache:
    """Embeddings in main memory, least recently used first out.

    Args:
        max_bytes: how much is kept; a single embedding larger than that is not.
    """

    def __init__(self, max_bytes: int = _DEFAULT_BYTES) -> None:
        self._entries: OrderedDict[PromptKey, torch.Tensor] = OrderedDict()
        self._max_bytes = max_bytes
        self.used_bytes = 0

    def __len__(self) -> int:
        return len(self._entries)

    def __contains__(self, key: PromptKey) -> bool:
        return key in self._entries

    def get(self, key: PromptKey) -> torch.Tensor | None:
        """Return the embedding ``(T, D_text)`` on the CPU, or None."""
        if key not in self._entries:
            return None
        self._entries.move_to_end(key)
        return self._entries[key]

    def put(self, key: PromptKey, embedding: torch.Tensor) -> None:
        """Keep an embedding ``(T, D_text)``."""
        self._drop(key)
        kept = embedding.detach().to("cpu", copy=True).contiguous()
        if kept.nbytes > self._max_bytes:
            return
        self._entries[key] = kept
        self.used_bytes += kept.nbytes
        while self.used_bytes > self._max_bytes:
            self._drop(next(iter(self._entries)))

    def clear(self) -> None:
        """Forget everything."""
        self._entries.clear()
        self.used_bytes = 0

    def encode(self, keys: Sequence[PromptKey], encode: Callable[[list[str]], list[torch.Tensor]]) -> torch.Tensor:
        """Return the embeddings of `keys` as one batch ``(B, T, D_text)`` on the CPU.

        Args:
            keys: alike but for the prompt.
            encode: gets the prompts that are not known yet, each once, and returns ``(T, D_text)`` for each. Not called
                where all are known. It should encode them one by one, so that a clip never depends on what else was
                encoded with its words.
        """
        found: dict[PromptKey, torch.Tensor] = {}
        missing: list[PromptKey] = []
        for key in dict.fromkeys(keys):
            embedding = self.get(key)
            if embedding is None:
                missing.append(key)
            else:
                found[key] = embedding
        if missing:
            for key, embedding in zip(missing, encode([key.prompt for key in missing]), strict=True):
                self.put(key, embedding)
                found[key] = embedding.detach().to("cpu")
        return torch.stack([found[key] for key in keys])

    def _drop(self, key: PromptKey) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self.used_bytes -= entry.nbytes
