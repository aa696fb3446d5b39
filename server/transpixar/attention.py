"""Attention over ``[text | rgb | alpha]`` without a dense mask."""

import logging
from typing import Literal, get_args

import torch
from diffusers.models.attention_dispatch import AttentionBackendName, dispatch_attention_fn
from diffusers.models.attention_processor import Attention
from diffusers.models.embeddings import apply_rotary_emb

from .lora import project
from .tokens import TokenLayout

log = logging.getLogger(__name__)

TextToAlpha = Literal["strict", "reference", "open"]
"""How much text queries see of alpha keys: nothing (the paper, eq. 7), e^-1 of their weight (the released code, whose
boolean mask is cast and *added*), or everything."""

_REFERENCE_BIAS = -1.0


def check_text_to_alpha(mode: str) -> TextToAlpha:
    """Return the mode as its type.

    Raises:
        ValueError: the mode is none of the three.
    """
    for known in get_args(TextToAlpha):
        if mode == known:
            return known
    raise ValueError(f'text_to_alpha is "{mode}"; use "strict", "reference" or "open".')


class RGBAAttnProcessor:
    """Attention processor of every block of an RGBA transformer; one instance serves all blocks.

    Video queries see all keys. Text queries are restricted by `text_to_alpha`, which concerns a few hundred rows only:
    two calls, text queries and video queries, replace a mask of the whole sequence (2.5 GB at full size), and both
    halves of the work stay open to flash and sage kernels.

    Attributes:
        text_to_alpha: see `TextToAlpha`; may be changed between calls.
        failed: the kernels that failed at work, each with what they said; PyTorch's own took their place.
    """

    # `ModelMixin.set_attention_backend` writes it where it exists.
    _attention_backend: AttentionBackendName | None = None

    def __init__(self, text_to_alpha: TextToAlpha = "strict") -> None:
        self.text_to_alpha: TextToAlpha = text_to_alpha
        self.failed: dict[AttentionBackendName, str] = {}

    def __call__(
        self,
        attn: Attention,
        hidden_states: torch.Tensor,
        encoder_hidden_states: torch.Tensor,
        attention_mask: torch.Tensor | None = None,
        image_rotary_emb: tuple[torch.Tensor, torch.Tensor] | None = None,
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Attend.

        Args:
            attn: the block's attention module; its projections carry the RGBA adapter.
            hidden_states: video tokens ``(B, 2L, D)``, rgb then alpha.
            encoder_hidden_states: text tokens ``(B, T, D)``.
            attention_mask: must be None; it is here for diffusers' signature.
            image_rotary_emb: cos and sin of ONE stream, each ``(L, head_dim)``; both streams use them (eq. 5).

        Returns:
            Video tokens ``(B, 2L, D)`` and text tokens ``(B, T, D)``.

        Raises:
            ValueError: a mask was given, or the rotary table does not fit one stream.
        """
        if attention_mask is not None:
            raise ValueError("RGBA attention takes no attention_mask; choose what text sees with text_to_alpha.")
        layout = TokenLayout.of(encoder_hidden_states, hidden_states)
        tokens = torch.cat([encoder_hidden_states, hidden_states], dim=1)  # (B, S, D), S = T + 2L

        # 1. Project once for all tokens
        query = project(attn.to_q, tokens, layout).unflatten(2, (attn.heads, -1))  # (B, S, H, head_dim)
        key = project(attn.to_k, tokens, layout).unflatten(2, (attn.heads, -1))
        value = project(attn.to_v, tokens, layout).unflatten(2, (attn.heads, -1))

        # 2. Normalise each head
        if attn.norm_q is not None:
            query = attn.norm_q(query)
        if attn.norm_k is not None:
            key = attn.norm_k(key)

        # 3. Rotate both streams by the same positions
        if image_rotary_emb is not None:
            query = self._rotate(query, image_rotary_emb, layout)
            key = self._rotate(key, image_rotary_emb, layout)

        # 4. Attend
        tokens = self._attend(query, key, value, layout).flatten(2, 3)  # (B, S, H, head_dim) -> (B, S, D)

        # 5. Project out, with dropout
        tokens = project(attn.to_out[0], tokens, layout)
        tokens = attn.to_out[1](tokens)
        return tokens[:, layout.video], tokens[:, layout.text]

    def _rotate(
        self, states: torch.Tensor, rotary: tuple[torch.Tensor, torch.Tensor], layout: TokenLayout
    ) -> torch.Tensor:
        """Rotate the rgb and alpha tokens of ``(B, S, H, head_dim)`` by one stream's table, ``(L, head_dim)`` each."""
        table_length = rotary[0].shape[0]
        if table_length != layout.stream_length:
            raise ValueError(
                f"The rotary table has {table_length} positions, but one stream has {layout.stream_length} tokens; "
                "make the table for the RGB half alone."
            )
        streams = [apply_rotary_emb(states[:, part], rotary, sequence_dim=1) for part in (layout.rgb, layout.alpha)]
        return torch.cat([states[:, layout.text], *streams], dim=1)

    def _attend(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: TokenLayout) -> torch.Tensor:
        """Attend with query, key and value ``(B, S, H, head_dim)``."""
        if self.text_to_alpha == "open":
            return self._dispatch(query, key, value)
        if self.text_to_alpha == "strict":
            seen = layout.text_and_rgb
            text = self._dispatch(query[:, layout.text], key[:, seen], value[:, seen])
        else:
            text = _attend_with_bias(query[:, layout.text], key, value, layout)
        video = self._dispatch(query[:, layout.video], key, value)
        return torch.cat([text, video], dim=1)

    def _dispatch(self, query: torch.Tensor, key: torch.Tensor, value: torch.Tensor) -> torch.Tensor:
        backend = self._attention_backend
        # What is compiled must not catch anything; there `_CompiledForward` falls back.
        if not self.can_fall_back or torch.compiler.is_compiling():
            return dispatch_attention_fn(query, key, value, backend=backend)
        try:
            return dispatch_attention_fn(query, key, value, backend=backend)
        except torch.OutOfMemoryError:
            raise
        except Exception as error:  # a kernel that was built for another torch or GPU can fail in any way
            self.fall_back(error)
            return dispatch_attention_fn(query, key, value, backend=self._attention_backend)

    @property
    def can_fall_back(self) -> bool:
        """Say whether attention is computed by another kernel than PyTorch's own."""
        return self._attention_backend not in (None, AttentionBackendName.NATIVE)

    def fall_back(self, error: Exception) -> None:
        """Compute attention by PyTorch's own kernel from now on, in all blocks, because another one failed."""
        assert self._attention_backend is not None
        said = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        self.failed[self._attention_backend] = said
        log.warning("the attention kernel %s failed and is not used any more: %s", self._attention_backend.value, said)
        self._attention_backend = AttentionBackendName.NATIVE


def _attend_with_bias(query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, layout: TokenLayout) -> torch.Tensor:
    """Attend with text queries ``(B, T, H, head_dim)``, alpha keys weighing e^-1 of what they would."""
    bias = query.new_zeros(1, 1, 1, layout.length)  # the same for every batch item, head and query
    bias[..., layout.alpha] = _REFERENCE_BIAS
    # Always on the native backend: flash and sage kernels take no bias.
    return dispatch_attention_fn(query, key, value, attn_mask=bias, backend=AttentionBackendName.NATIVE)
