"""Movies out of clips: ffmpeg takes the frames through a pipe."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from server.media.colour import Frame, premultiplied, quantised
from server.media.ffmpeg import Encoder
from server.media.matte import luma_matte
from server.media.stream import AlphaMode, ClipStream
from server.media.tags import tags_of

# QuickTime keeps tags of any name only when told to.
_QUICKTIME = ["-movflags", "use_metadata_tags", "-f", "mov"]


def _rec709(planar: str) -> list[str]:
    """Rec. 709 YUV of the limited range, named in the file and obeyed while converting.

    From packed RGBA swscale makes an alpha that is one too small at every other pixel; from `planar` RGBA it does not.
    """
    scale = "scale=out_color_matrix=bt709:out_range=tv:flags=accurate_rnd+full_chroma_int+full_chroma_inp"
    # Set on the frames, because ffmpeg overrules options of the encoder. Blender reads a movie whose container does not
    # name its matrix as Rec. 601, a difference of up to 30/255.
    named = "setparams=range=tv:colorspace=bt709:color_primaries=bt709:color_trc=bt709"
    return ["-vf", f"format={planar},{scale},{named}"]


_VP9 = ["-c:v", "libvpx-vp9", "-pix_fmt", "yuva420p", "-row-mt", "1", "-auto-alt-ref", "0", "-f", "webm"]
_FFV1 = ["-c:v", "ffv1", "-level", "3", "-g", "1", "-slicecrc", "1", "-f", "matroska"]


@dataclass(frozen=True)
class MovieWriter:
    """One way to call ffmpeg. `bits` (8 or 16) are those of the frames in the pipe, `codec` its output options."""

    codec: Sequence[str]
    bits: int
    alpha_mode: AlphaMode
    prepared: Callable[[Frame], Frame] = lambda frame: frame

    def __call__(self, stream: ClipStream, target: Path) -> None:
        """Write the clip to a file that does not exist yet. Raises MediaError and OSError."""
        info = stream.info
        pixels = "rgba" if self.bits == 8 else "rgba64le"
        source = ["-f", "rawvideo", "-pix_fmt", pixels, "-s", f"{info.width}x{info.height}", "-r", str(info.fps)]
        tags = [part for item in tags_of(info, self.alpha_mode).items() for part in ("-metadata", "=".join(item))]
        arguments = [*source, "-color_range", "pc", "-i", "pipe:0", *self.codec, *tags]
        with closing(stream.frames()) as frames, Encoder(arguments, target) as encoder:
            for frame in frames:
                encoder.write(self._raw(frame))

    def _raw(self, frame: Frame) -> memoryview:
        whole: npt.NDArray[np.unsignedinteger] = quantised(self.prepared(frame), self.bits)
        return np.ascontiguousarray(whole, whole.dtype.newbyteorder("<")).data.cast("B")


_PRORES = [
    *("-c:v", "prores_ks", "-profile:v", "4444", "-pix_fmt", "yuva444p10le", "-alpha_bits", "16"),
    *("-vendor", "apl0", "-qscale:v", "1", *_rec709("gbrap16le"), *_QUICKTIME),
]

write_prores4444 = MovieWriter(_PRORES, 16, "premultiplied", premultiplied)
write_prores4444_straight = MovieWriter(_PRORES, 16, "straight")
write_ffv1 = MovieWriter(["-pix_fmt", "bgra", *_FFV1], 8, "straight")
write_ffv1_16 = MovieWriter(["-pix_fmt", "gbrap16le", *_FFV1], 16, "straight")
write_qtrle = MovieWriter(["-c:v", "qtrle", "-pix_fmt", "argb", *_QUICKTIME], 8, "straight")
write_webm = MovieWriter(["-lossless", "1", *_rec709("gbrap"), *_VP9], 8, "straight")
write_webm_small = MovieWriter(["-crf", "24", "-b:v", "0", *_rec709("gbrap"), *_VP9], 8, "straight")
write_matte_movie = MovieWriter(["-c:v", "qtrle", "-pix_fmt", "rgb24", *_QUICKTIME], 8, "opaque", luma_matte)
