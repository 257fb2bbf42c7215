"""Clips that tests write: video files by av, folders of frames, broken ones of either."""

from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image


def moving(frames=24, height=48, width=64, *, down=False, seed=0, tall=12):
    """Give frames in which a light square goes right, or down, over a ground of its own."""
    random = np.random.default_rng(seed)
    ground = random.integers(20, 110, (height // 8, width // 8, 3)).astype(np.uint8)
    ground = ground.repeat(8, axis=0).repeat(8, axis=1)
    ground = np.pad(ground, ((0, height % 8), (0, width % 8), (0, 0)), mode="edge")
    film = np.repeat(ground[None], frames, axis=0)
    for place, frame in enumerate(film):
        share = place / max(1, frames - 1)
        top = round(share * (height - tall)) if down else (height - tall) // 2
        left = (width - tall) // 2 if down else round(share * (width - tall))
        frame[top : top + tall, left : left + tall] = (240, 230, 60)
    return film


def film(path, frames, *, rate=25, times=None, codec="mpeg4"):
    """Write a video file.

    Args:
        path: its name says the format.
        frames: (T, H, W, 3).
        rate: frames a second.
        times: of each frame, s, where they are uneven.
        codec: of libav.
    """
    import av

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream(codec, rate=rate)
        stream.width, stream.height = frames.shape[2], frames.shape[1]
        stream.pix_fmt = "yuv420p"
        stream.bit_rate = 2_000_000
        if times is not None:
            stream.codec_context.time_base = Fraction(1, 1000)
        for place, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(pixels), format="rgb24")
            if times is not None:
                frame.time_base, frame.pts = Fraction(1, 1000), round(1000 * times[place])
            for packet in stream.encode(frame):
                file.mux(packet)
        for packet in stream.encode():
            file.mux(packet)
    return path


def song(path, *, seconds=0.5):
    """Write an MP4 that holds sound and no pictures."""
    import av

    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as file:
        stream = file.add_stream("aac", rate=8_000)
        samples = np.zeros((1, round(8_000 * seconds)), np.float32)
        frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout="mono")
        frame.sample_rate = 8_000
        for packet in [*stream.encode(frame), *stream.encode()]:
            file.mux(packet)
    return path


def folder(path, frames):
    """Write a clip as a folder of numbered pictures."""
    path = Path(path)
    path.mkdir(parents=True, exist_ok=True)
    for place, pixels in enumerate(frames):
        Image.fromarray(pixels).save(path / f"frame_{place:04}.png", compress_level=1)
    return path


def two_classes(root, each=6, **form):
    """Write folders of frames in which a square goes down or right, in class folders."""
    for name, down in (("down", True), ("right", False)):
        for number in range(each):
            folder(root / name / f"clip{number}", moving(8, down=down, seed=number, **form))
    return root
