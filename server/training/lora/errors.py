"""What stops a training run."""


class TrainingError(Exception):
    """A run that cannot start or go on; the message is a sentence that says what to do."""
