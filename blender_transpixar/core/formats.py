"""The hand-off formats of the server, as the export dialog offers them without asking.

A test compares this list with `GET /v1/formats`.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Format:
    """`suffix` is that of the file; empty for formats of several files, which come as a folder."""

    name: str
    title: str
    suffix: str
    description: str

    @property
    def is_folder(self) -> bool:
        """Whether it is several files."""
        return not self.suffix


FORMATS = {
    format.name: format
    for format in (
        Format("prores4444", "ProRes 4444", ".mov", "Premultiplied, as Blender 4.5 and newer read it"),
        Format("prores4444-straight", "ProRes 4444, Straight", ".mov", "Straight alpha, as most compositors read it"),
        Format("exr", "OpenEXR Sequence", "", "Half float, linear, premultiplied; exact in every program"),
        Format("png8", "PNG Sequence, 8 Bit", "", "Straight alpha, sRGB"),
        Format("png16", "PNG Sequence, 16 Bit", "", "Straight alpha, sRGB"),
        Format("qtrle", "QuickTime Animation", ".mov", "8 bit, lossless, straight alpha; read by every Blender"),
        Format("ffv1", "FFV1, 8 Bit", ".mkv", "Lossless Matroska, straight alpha"),
        Format("ffv1-16", "FFV1, 16 Bit", ".mkv", "Lossless Matroska, straight alpha"),
        Format("webm", "WebM", ".webm", "VP9 with exact alpha, for browsers"),
        Format("webm-small", "WebM, Small", ".webm", "VP9, for sharing only"),
        Format("webp", "Animated WebP", ".webp", "For web pages and messages; exact alpha"),
        Format("sprite-sheet", "Sprite Sheet", "", "One PNG and its JSON, for game engines"),
        Format("matte", "Luma Matte Sequence", "", "Alpha as grey PNGs, 8 bit"),
        Format("matte-movie", "Luma Matte Movie", ".mov", "Alpha as grey, QuickTime Animation, lossless"),
    )
}
