"""Training of an RGBA LoRA and its domain embedding on a CogVideoX base, by the recipe of arXiv 2501.03006."""
