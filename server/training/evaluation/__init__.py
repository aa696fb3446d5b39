"""How good a model that lists its effects is: measured on held-out captions and seeds (docs/evaluation.md)."""
