"""The add-on's preferences, and what they amount to."""

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import StringProperty

from .bl import compat
from .core.address import DEFAULT_ADDRESS, is_loopback, normalise
from .core.errors import OnlineAccessError

_SERVER_ADDRESS = StringProperty(
    name="Server Address",
    description="Where the TransPixar server listens",
    default=DEFAULT_ADDRESS,
)
_CLIP_FOLDER = StringProperty(
    name="Clip Folder",
    description="Where finished clips are kept. Empty: in a folder 'transpixar' beside the saved .blend file, "
    "or in the extension's own folder while the file has not been saved",
    subtype="DIR_PATH",
    options=compat.BLEND_RELATIVE_PATH,
)


class TransPixarPreferences(bpy.types.AddonPreferences):
    """Shown in Preferences > Add-ons > TransPixar."""

    bl_idname = __package__

    if TYPE_CHECKING:
        server_address: str
        clip_folder: str
    else:
        server_address: _SERVER_ADDRESS
        clip_folder: _CLIP_FOLDER

    def draw(self, context: bpy.types.Context) -> None:
        """Draw the two settings."""
        layout = self.layout
        layout.use_property_split = True
        layout.prop(self, "server_address")
        layout.prop(self, "clip_folder")


def _preferences(context: bpy.types.Context) -> TransPixarPreferences | None:
    """None when the classes were registered without enabling the add-on, as a script may do."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def server_url(context: bpy.types.Context) -> str:
    """The server's base URL. Raises InvalidAddressError, or OnlineAccessError for another computer while offline."""
    preferences = _preferences(context)
    url = normalise(preferences.server_address if preferences else DEFAULT_ADDRESS)
    if not is_loopback(url) and not bpy.app.online_access:
        raise OnlineAccessError(
            f"{url} is on another computer. Turn on Allow Online Access in Preferences > System, "
            "or use a server on this computer."
        )
    return url


def clip_folder(context: bpy.types.Context) -> Path:
    """Where finished clips are kept, as an absolute path; it need not exist yet."""
    preferences = _preferences(context)
    chosen = preferences.clip_folder if preferences else ""
    if chosen and (bpy.data.filepath or not chosen.startswith("//")):
        return Path(bpy.path.abspath(chosen)).absolute()
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / "transpixar"
    return _own_folder() / "clips"


def _own_folder() -> Path:
    try:
        return Path(bpy.utils.extension_path_user(__package__))
    except ValueError:
        # Enabled straight from a working copy, not installed as an extension.
        return Path(bpy.utils.user_resource("DATAFILES")) / "transpixar"
