"""The add-on's preferences, and what they amount to."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import BoolProperty, StringProperty

from .bl import compat, server_location
from .core.address import DEFAULT_ADDRESS, is_loopback, normalise
from .core.errors import InvalidAddressError, OnlineAccessError
from .core.moving import CLIPS, LIBRARY
from .core.server_file import read_token
from .core.server_options import ServerOptions
from .core.typed_text import trimmed

# Where artists' work goes when the preferences do not say, in place of a folder in their home; for tests and farms.
WORK_FOLDER_VARIABLE = "TRANSPIXAR_WORK_DIR"

_SERVER_ADDRESS = StringProperty(
    name="Address",
    description="Where the TransPixar server listens, for example render-box:8420 or https://clips.example.org. "
    "Empty: the server that runs on this computer, at whatever port it has",
)
_SERVER_TOKEN = StringProperty(
    name="Token",
    description="What a server that was started with a token wants to be shown. A server on this computer need not be "
    "told: its token is read from the file that it names",
    subtype="PASSWORD",
)
_SERVER_PYTHON = StringProperty(
    name="Server Python",
    description="The Python, or the folder, of the environment in which the server is installed. "
    "Empty: that of the server that ran on this computer last",
    subtype="FILE_PATH",
)
_SERVER_COMMAND = StringProperty(
    name="Command",
    description="The whole command that starts the server, in place of Server Python; for example "
    '"/opt/transpixar/bin/python" -m server --device cuda:1. Options for its address are added',
)
_SERVER_FOLDER = StringProperty(
    name="Run In",
    description="The folder that the command is run in, for example a copy of the server's repository. "
    "Empty: your home folder",
    subtype="DIR_PATH",
)
_START_WITH_FIRST_CLIP = BoolProperty(
    name="Start with the First Clip",
    description="Start the server when a clip is wanted and none is running",
)
_KEEP_RUNNING = BoolProperty(
    name="Keep Running when Blender Closes",
    description="Leave the server running when Blender closes, so that clips that wait are made. "
    "It counts from the server's next start",
)
_CLIP_FOLDER = StringProperty(
    name="Clip Folder",
    description="Where finished clips are kept. Empty: in a folder 'transpixar' beside the saved .blend file, "
    "or in the TransPixar folder while the file has not been saved",
    subtype="DIR_PATH",
    options=compat.BLEND_RELATIVE_PATH,
)
_LIBRARY_FOLDER = StringProperty(
    name="Library Folder",
    description="Where the asset library of kept clips is. Empty: in the TransPixar folder",
    subtype="DIR_PATH",
)
_DROP_PICTURES = BoolProperty(
    name="Offer to Place Dropped Pictures",
    description="When a PNG, EXR or TIFF picture is dropped into the viewport or the sequencer, let Blender ask "
    "whether the numbered sequence that it belongs to is to be placed as a clip. Clips, by their .transpixar files, "
    "always are",
)


def _make_absolute(preferences: Any, context: bpy.types.Context) -> None:
    """File browsers give a path relative to the open file, and this folder is the same for all files."""
    if preferences.work_folder.startswith("//"):
        preferences.work_folder = bpy.path.abspath(preferences.work_folder)


_WORK_FOLDER = StringProperty(
    name="TransPixar Folder",
    description="Where your clips of unsaved files, the asset library and the queue's history are kept, for all "
    "versions of Blender; it stays when the add-on is removed. Empty: the folder TransPixar in your home folder. "
    "If you choose another one, move what is in it there yourself",
    subtype="DIR_PATH",
    update=_make_absolute,
)


class TransPixarPreferences(bpy.types.AddonPreferences):
    """Shown in Preferences > Add-ons > TransPixar."""

    bl_idname = __package__

    if TYPE_CHECKING:
        server_address: str
        server_token: str
        server_python: str
        server_command: str
        server_folder: str
        start_with_first_clip: bool
        keep_running: bool
        work_folder: str
        clip_folder: str
        library_folder: str
        drop_pictures: bool
    else:
        server_address: _SERVER_ADDRESS
        server_token: _SERVER_TOKEN
        server_python: _SERVER_PYTHON
        server_command: _SERVER_COMMAND
        server_folder: _SERVER_FOLDER
        start_with_first_clip: _START_WITH_FIRST_CLIP
        keep_running: _KEEP_RUNNING
        work_folder: _WORK_FOLDER
        clip_folder: _CLIP_FOLDER
        library_folder: _LIBRARY_FOLDER
        drop_pictures: _DROP_PICTURES

    def draw(self, context: bpy.types.Context) -> None:
        """Draw where the server is, how it is started, and the folders."""
        layout = self.layout
        layout.use_property_split = True
        layout.use_property_decorate = False
        server = _titled(layout, "Server")
        server.prop(self, "server_address", placeholder="The one on this computer")
        server.prop(self, "server_token")
        start = _titled(layout, "Starting the Server from Blender")
        start.prop(self, "server_python", placeholder="Found by itself")
        start.prop(self, "server_command", placeholder="python -m server")
        start.prop(self, "server_folder", placeholder="Your home folder")
        start.prop(self, "start_with_first_clip")
        start.prop(self, "keep_running")
        folders = _titled(layout, "Folders")
        folders.prop(self, "work_folder", placeholder="TransPixar in your home folder")
        folders.prop(self, "clip_folder", placeholder="Beside the .blend file")
        folders.prop(self, "library_folder", placeholder="In the TransPixar folder")
        dropping = _titled(layout, "Drag and Drop")
        dropping.prop(self, "drop_pictures")


def _titled(layout: Any, title: str) -> Any:
    column = layout.column()
    column.label(text=title)
    return column


def preferences_of(context: bpy.types.Context) -> TransPixarPreferences | None:
    """None when the classes were registered without enabling the add-on, as a script may do."""
    addon = context.preferences.addons.get(__package__)
    return addon.preferences if addon else None


def takes_dropped_pictures(context: bpy.types.Context) -> bool:
    """Whether pictures that are dropped may be clips."""
    preferences = preferences_of(context)
    return preferences is not None and preferences.drop_pictures


def server_url(context: bpy.types.Context) -> str:
    """The server's base URL. Raises InvalidAddressError, or OnlineAccessError for another computer while offline."""
    preferences = preferences_of(context)
    typed = preferences.server_address.strip() if preferences else ""
    if not typed:
        return _url_on_this_computer(preferences)
    url = normalise(typed)
    if not is_loopback(url) and not bpy.app.online_access:
        raise OnlineAccessError(
            f"{url} is on another computer. Turn on Allow Online Access in Preferences > System, "
            "or use a server on this computer."
        )
    return url


def server_token(url: str) -> str | None:
    """The token for the server at a base URL: that of the preferences, else that of the file that the server names.

    What is typed goes to the server of the preferences' own address only.
    """
    preferences = preferences_of(bpy.context)
    typed = trimmed(preferences.server_token) if preferences else ""
    if typed and url == _own_url():
        return typed
    found = server_location.found(preferences.server_command if preferences else "")
    if found is not None and found.url == url and found.token_file is not None:
        return read_token(found.token_file)
    return None


def server_options(context: bpy.types.Context) -> ServerOptions:
    """How to start the server, without its address."""
    preferences = preferences_of(context)
    if preferences is None:
        return ServerOptions()
    python, folder = (
        bpy.path.abspath(path) if path else "" for path in (preferences.server_python, preferences.server_folder)
    )
    return ServerOptions(preferences.server_command, python, folder)


def clip_folder(context: bpy.types.Context) -> Path:
    """Where finished clips are kept, as an absolute path; it need not exist yet."""
    preferences = preferences_of(context)
    chosen = preferences.clip_folder if preferences else ""
    if chosen and (bpy.data.filepath or not chosen.startswith("//")):
        return Path(bpy.path.abspath(chosen)).absolute()
    if bpy.data.filepath:
        return Path(bpy.data.filepath).parent / "transpixar"
    return work_folder() / CLIPS


def library_folder(context: bpy.types.Context) -> Path:
    """Where the asset library is, as an absolute path; it need not exist yet."""
    preferences = preferences_of(context)
    chosen = preferences.library_folder if preferences else ""
    return Path(bpy.path.abspath(chosen)).absolute() if chosen else work_folder() / LIBRARY


def work_folder() -> Path:
    """The artist's folder, as an absolute path; it need not exist yet.

    Clips of unsaved files, the library and the history are in it. It is none of Blender's folders: those belong to one
    version, and go with the extension.
    """
    preferences = preferences_of(bpy.context)
    chosen = (preferences.work_folder if preferences else "") or os.environ.get(WORK_FOLDER_VARIABLE, "")
    try:
        return Path(chosen).expanduser().absolute() if chosen else Path.home() / "TransPixar"
    except RuntimeError:  # a user without a home
        return Path(bpy.utils.user_resource("DATAFILES")) / "TransPixar"


def own_folder() -> Path:
    """The add-on's folder among Blender's, as an absolute path; it need not exist yet.

    Blender removes it with the extension, so it is for what can be made again: logs and pictures.
    """
    try:
        return Path(bpy.utils.extension_path_user(__package__))
    except ValueError:
        # Enabled straight from a working copy, not installed as an extension.
        return Path(bpy.utils.user_resource("DATAFILES")) / "transpixar"


def _own_url() -> str | None:
    try:
        return server_url(bpy.context)
    except (InvalidAddressError, OnlineAccessError):
        return None


def _url_on_this_computer(preferences: TransPixarPreferences | None) -> str:
    started = server_location.started_at()
    if started is not None:
        return started
    found = server_location.found(preferences.server_command if preferences else "")
    return found.url if found is not None else DEFAULT_ADDRESS
