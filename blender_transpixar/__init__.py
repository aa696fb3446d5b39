"""TransPixar: text to transparent video, as a Blender extension.

The imports stand inside the functions so that `core` can be imported where there is no Blender.
"""


def register() -> None:
    """Register every class of the extension with Blender."""
    from . import registration

    registration.register()


def unregister() -> None:
    """Unregister every class, end the courier process and remove the timer."""
    from . import registration

    registration.unregister()
