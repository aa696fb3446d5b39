"""TransPixar written naively: a dense mask over the whole sequence and every position spelt out.

Shares nothing with server.transpixar, so that the two can be compared.
"""

from collections.abc import Mapping

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.models.embeddings import apply_rotary_emb

TEXT_TO_ALPHA = {"strict": -torch.inf, "reference": -1.0, "open": 0.0}


class DenseProcessor:
    def __init__(self, weights: Mapping[str, torch.Tensor], block: int, scale: float, mode: str) -> None:
        self.stem = f"transformer.transformer_blocks.{block}.attn1"
        self.weights, self.scale, self.mode = weights, scale, mode

    def linear(self, name, layer, tokens, is_alpha):
        a, b = (self.weights[f"{self.stem}.{name}.lora_{letter}.weight"] for letter in "AB")
        return layer(tokens) + self.scale * (tokens @ a.T @ b.T) * is_alpha[:, None]

    def __call__(self, attn, hidden_states, encoder_hidden_states, attention_mask=None, image_rotary_emb=None):
        text, video = encoder_hidden_states.shape[1], hidden_states.shape[1]
        tokens = torch.cat([encoder_hidden_states, hidden_states], dim=1)
        is_alpha = torch.arange(text + video, device=tokens.device) >= text + video // 2
        is_text = torch.arange(text + video, device=tokens.device) < text

        def heads(name):
            x = self.linear(name, getattr(attn, name), tokens, is_alpha)
            return x.unflatten(2, (attn.heads, -1)).transpose(1, 2)  # (B, heads, S, head_dim)

        query, key, value = attn.norm_q(heads("to_q")), attn.norm_k(heads("to_k")), heads("to_v")
        if image_rotary_emb is not None:
            both_halves = tuple(torch.cat([table, table]) for table in image_rotary_emb)
            for x in (query, key):
                x[:, :, text:] = apply_rotary_emb(x[:, :, text:], both_halves)

        mask = torch.zeros(text + video, text + video, device=tokens.device)
        mask[is_text[:, None] & is_alpha[None, :]] = TEXT_TO_ALPHA[self.mode]
        scores = query @ key.transpose(2, 3) / query.shape[-1] ** 0.5 + mask
        out = (scores.softmax(dim=-1) @ value).transpose(1, 2).flatten(2)
        out = self.linear("to_out.0", attn.to_out[0], out, is_alpha)
        return out[:, text:], out[:, :text]


def oracle_forward(
    base: CogVideoXTransformer3DModel, weights: Mapping[str, torch.Tensor], inputs, *, lora_alpha: float, mode: str
) -> torch.Tensor:
    """Run a base transformer with rotary positions as an RGBA one; the base is spoilt by it."""
    rank = next(value for key, value in weights.items() if "lora_A" in key).shape[0]
    for index, block in enumerate(base.transformer_blocks):
        block.attn1.set_processor(DenseProcessor(weights, index, lora_alpha / rank, mode))

    def add_domain_embedding(module, args, tokens):
        text = args[0].shape[1]
        video = tokens.shape[1] - text
        is_alpha = torch.arange(tokens.shape[1], device=tokens.device) >= text + video // 2
        return tokens + is_alpha[:, None] * weights["domain_emb"].reshape(1, 1, -1)

    base.patch_embed.register_forward_hook(add_domain_embedding)
    return base(**inputs.arguments()).sample
