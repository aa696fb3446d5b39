"""`python -m server doctor`: whether this machine can make clips, and what to do where it cannot."""
