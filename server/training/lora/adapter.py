"""The weights that are trained: an RGBA adapter in float32 on a frozen base in the compute dtype."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import torch
from diffusers import CogVideoXTransformer3DModel
from diffusers.training_utils import EMAModel
from peft.tuners.lora.layer import LoraLayer

from server.training.lora.config import TrainingConfig
from server.transpixar import create_rgba_weights, enable_rgba, rgba_state_dict


class RGBAAdapter:
    """The RGBA weights of a transformer in training, and their moving average.

    Attributes:
        transformer: with RGBA enabled; its base is frozen.
        parameters: what is trained, float32.
        average: of the parameters; None where there is none.
    """

    def __init__(self, transformer: CogVideoXTransformer3DModel, config: TrainingConfig) -> None:
        """Give a base fresh RGBA weights."""
        generator = torch.Generator().manual_seed(config.seed)
        weights = create_rgba_weights(transformer, config.rank, generator=generator)
        transformer.requires_grad_(False)
        self.transformer = enable_rgba(
            transformer, weights, lora_alpha=config.lora_alpha, text_to_alpha=config.text_to_alpha
        )
        transformer.patch_embed.domain_emb.requires_grad_(True)
        if config.gradient_checkpointing:
            transformer.enable_gradient_checkpointing()
        self._compute_dtype = transformer.dtype
        self._names = [name for name, each in transformer.named_parameters() if each.requires_grad]
        self.parameters = [each for each in transformer.parameters() if each.requires_grad]
        # Updates are far smaller than the weights; bfloat16 would round them away.
        for each in self.parameters:
            each.data = each.data.float()
        # peft would make a float32 copy of all tokens at every projection; the adapter computes in their own dtype.
        for module in transformer.modules():
            if isinstance(module, LoraLayer):
                module.cast_input_dtype_enabled = False
        self.average = EMAModel(self.parameters, config.ema_decay, foreach=True) if config.ema_decay else None

    def to(self, device: torch.device) -> None:
        """Move base, adapter and average."""
        self.transformer.to(device)
        if self.average is not None:
            self.average.to(device)

    def update_average(self) -> None:
        """Take the weights into their average, after an update."""
        if self.average is not None:
            self.average.step(self.parameters)

    def state_dict(self) -> dict[str, torch.Tensor]:
        """The trained weights, by their names in the transformer."""
        return {name: each.detach().cpu() for name, each in zip(self._names, self.parameters, strict=True)}

    def load_state_dict(self, state: Mapping[str, torch.Tensor]) -> None:
        """Restore `state_dict`. Raises KeyError and RuntimeError when it is that of another adapter."""
        with torch.no_grad():
            for name, each in zip(self._names, self.parameters, strict=True):
                each.copy_(state[name])

    @contextmanager
    def as_released(self) -> Iterator[CogVideoXTransformer3DModel]:
        """Give the transformer the weights that a result would hold, in the compute dtype, for the time of a block.

        Those are the averaged ones where there is an average.
        """
        trained = [each.data for each in self.parameters]
        released = trained if self.average is None else self.average.shadow_params
        try:
            for each, values in zip(self.parameters, released, strict=True):
                each.data = values.to(each.device, self._compute_dtype)
            yield self.transformer
        finally:
            for each, values in zip(self.parameters, trained, strict=True):
                each.data = values

    def released_weights(self) -> dict[str, torch.Tensor]:
        """The weights that a result would hold, in the released file's key names."""
        with self.as_released() as transformer:
            return rgba_state_dict(transformer)
