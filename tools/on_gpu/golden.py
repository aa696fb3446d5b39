"""Compare the model with the released code's golden vectors, in float32 and bfloat16 on the device.

A bound for float32 is the tests'. For bfloat16 the same pass on the CPU is the measure: the card may differ from the
golden vectors by no more than twice what the CPU's bfloat16 does.
"""

from __future__ import annotations

import torch
from program import Program
from safetensors.torch import load_file

from tests.server.transpixar.test_golden import CASE, GOLDEN, golden_transformer

_FLOAT32_BOUND = 5e-5


@torch.no_grad()
def _pass(mode: str, tensors: dict[str, torch.Tensor], device: torch.device, dtype: torch.dtype) -> torch.Tensor:
    """Return one pass of the golden transformer, in float32 on the CPU."""
    from diffusers.models.embeddings import get_3d_rotary_pos_embed
    from diffusers.pipelines.cogvideo.pipeline_cogvideox import get_resize_crop_region_for_grid

    grid = (CASE["grid"][0] // 2, CASE["grid"][1] // 2)
    crop = get_resize_crop_region_for_grid(grid, 45, 30)
    rotary = get_3d_rotary_pos_embed(CASE["head_dim"], crop, grid, CASE["latent_frames"], device=device)
    transformer = golden_transformer(mode).to(device, dtype)
    return (
        transformer(
            hidden_states=tensors["hidden_states"].to(device, dtype),
            encoder_hidden_states=tensors["encoder_hidden_states"].to(device, dtype),
            timestep=tensors["timestep"].to(device),
            image_rotary_emb=rotary,
        )
        .sample.float()
        .cpu()
    )


def main() -> None:
    """Measure; raises SystemExit where the card does not agree."""
    program = Program.from_arguments(__doc__)
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
    tensors = load_file(GOLDEN / "cases.safetensors")
    right = True
    for mode in ("strict", "reference"):
        expected = tensors[f"forward.{mode}"]
        for dtype in (torch.float32, torch.bfloat16):
            here = (_pass(mode, tensors, program.device, dtype) - expected).abs().max().item()
            on_cpu = (_pass(mode, tensors, torch.device("cpu"), dtype) - expected).abs().max().item()
            agrees = here <= (_FLOAT32_BOUND if dtype == torch.float32 else 2 * on_cpu)
            right &= agrees
            program.record.add(
                mode=mode,
                dtype=str(dtype),
                difference=here,
                on_cpu=on_cpu,
                largest=expected.abs().max().item(),
                agrees=agrees,
            )
    if not right:
        raise SystemExit("The device does not agree with the golden vectors; see the rows above.")


if __name__ == "__main__":
    main()
