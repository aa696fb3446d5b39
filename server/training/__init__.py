"""Training: procedural clips with captions, and the recipe of the embedded model."""
