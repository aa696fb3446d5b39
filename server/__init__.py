"""TransPixar inference server: text to video with a real alpha channel."""

__version__ = "0.1.0"
API_VERSION = 1
