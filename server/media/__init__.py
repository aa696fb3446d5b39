"""Media: from the model's frames to files. Nothing in here imports torch."""
