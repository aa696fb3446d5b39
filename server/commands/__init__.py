"""The commands of `python -m server`; each module has a `main(arguments)` that returns the exit status."""
