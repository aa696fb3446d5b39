"""The model card of trained RGBA weights: a README.md that the Hugging Face hub reads."""

from __future__ import annotations

from collections.abc import Mapping

from huggingface_hub import ModelCardData

_TASKS = {"text": "text-to-video", "image": "image-to-video"}


def model_card(metadata: Mapping[str, str], *, base_repo: str | None, base_licence: str | None) -> str:
    """Describe weights for people and for the hub's search.

    Args:
        metadata: the header of the weights, from `result_metadata`.
        base_repo: the base's repository on the hub; None for a base that is in none.
        base_licence: what the base may be used under, in a few words; None where that is not known.

    Returns:
        Markdown with the hub's YAML block in front. The hub knows a licence by its id alone, so that of the data, which
        is free text, stands in the text.
    """
    task = _TASKS[metadata["task"]]
    data = ModelCardData(
        library_name="diffusers",
        pipeline_tag=task,
        base_model=base_repo,
        license="other",
        license_name="see-model-card",
        tags=["transpixar", "rgba", "alpha", "lora", task],
    )
    source = base_repo or "PATH/OF/THE/BASE"
    licences = [f"Base model: {base_licence or 'not known here; see the base'}."]
    licences.append(f"Training clips: {metadata['data_licence'] or 'the licence was not given'}.")
    facts = [
        ("Base", metadata["base"]),
        ("Task", task),
        ("Rank", metadata["rank"]),
        ("lora_alpha", metadata["lora_alpha"]),
        ("text_to_alpha", metadata["text_to_alpha"]),
        ("RGB half", metadata["rgb"] + " colour"),
        ("Updates", metadata["iterations"]),
        ("Clips in an update", metadata["batch_size"]),
        ("Learning rate", metadata["learning_rate"]),
        ("Decay of the moving average", metadata["ema_decay"]),
        ("Seed", metadata["seed"]),
        ("Made with", metadata["made_with"]),
    ]
    return "\n".join(
        [
            "---",
            data.to_yaml(),
            "---",
            "",
            f"# RGBA weights for {metadata['base']}",
            "",
            "They make a CogVideoX model generate clips with an alpha channel (TransPixar, "
            "[arXiv 2501.03006](https://arxiv.org/abs/2501.03006)).",
            "",
            "```python",
            "from server.transpixar import TransPixarPipeline",
            "",
            f'pipe = TransPixarPipeline.from_pretrained("{source}", rgba_lora="rgba_lora.safetensors")',
            'frames = pipe("a puff of smoke").frames  # (1, F, H, W, 4)',
            "```",
            "",
            "In place of the file's path, the id of the repository that it was uploaded to will do.",
            "",
            "## Licence",
            "",
            *licences,
            "",
            "## Training",
            "",
            "| | |",
            "|---|---|",
            *(f"| {name} | {value.replace('|', '/')} |" for name, value in facts),
            "",
        ]
    )
