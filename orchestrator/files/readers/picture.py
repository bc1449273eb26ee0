"""Pictures, made to fit what models take."""

from __future__ import annotations

import base64
import io

from PIL import Image as Pillow
from PIL import ImageOps
from PIL.ImageFile import ImageFile

from orchestrator.files.extract import Image, Kind
from orchestrator.files.file import File, Reading

_FORMATS = ("PNG", "JPEG", "GIF", "WEBP")
_PLAIN_MODES = frozenset({"1", "L", "LA", "P", "RGB", "RGBA"})
_ORIENTATION = 0x0112
_QUALITIES = (85, 60, 30)


def read(file: File) -> Reading:
    """The picture as it is where it fits; else upright, of one frame, and scaled down."""
    Pillow.MAX_IMAGE_PIXELS = None  # there is a limit of our own, with a sentence of its own
    with Pillow.open(io.BytesIO(file.content), formats=_FORMATS) as picture:
        width, height = picture.size
        if width * height > file.limits.image_pixels:
            raise file.unreadable(f"it has {width:,} × {height:,} pixels, too many to open.")
        frames = getattr(picture, "n_frames", 1)
        label = f"a picture ({picture.format}) of {width:,} × {height:,} pixels"
        image = _as_it_is(file, picture) if _fits(file, picture, frames) else _made(file, picture)
    notes = [f"Only the first of its {frames:,} frames is kept."] if frames > 1 else []
    if image.width * image.height < width * height:
        notes.append(f"It is scaled down to {image.width:,} × {image.height:,} pixels.")
    return Reading(label=label, kind=Kind.IMAGE, notes=notes, image=image)


def _fits(file: File, picture: Pillow.Image, frames: int) -> bool:
    return (
        frames == 1
        and max(picture.size) <= file.limits.image_edge
        and len(file.content) <= file.limits.image_bytes
        and picture.mode in _PLAIN_MODES
        and picture.getexif().get(_ORIENTATION, 1) == 1
    )


def _as_it_is(file: File, picture: ImageFile) -> Image:
    picture.load()  # raises over what is not complete
    return _of(picture, file.content, Pillow.MIME[picture.format or ""])


def _made(file: File, picture: ImageFile) -> Image:
    mode = "RGBA" if picture.has_transparency_data else "RGB"
    # Scaled down first, which for a JPEG needs little of the memory of the whole.
    small = _in_eight_bits(picture, mode)
    small.thumbnail((file.limits.image_edge, file.limits.image_edge))
    upright = ImageOps.exif_transpose(small).convert(mode)
    if picture.format != "JPEG":
        content = _saved(upright, "PNG")
        if len(content) <= file.limits.image_bytes:
            return _of(upright, content, "image/png")
    return _as_jpeg(file, upright)


def _in_eight_bits(picture: ImageFile, mode: str) -> Pillow.Image:
    if picture.mode.startswith("I;16"):
        # Converted as it is, all but the darkest would be white.
        return picture.point(lambda value: value * (1 / 256)).convert("L")
    return picture.convert(mode) if picture.mode == "P" else picture


def _as_jpeg(file: File, picture: Pillow.Image) -> Image:
    opaque = Pillow.new("RGB", picture.size, "white")
    opaque.paste(picture, mask=picture.getchannel("A") if picture.mode == "RGBA" else None)
    for quality in _QUALITIES:
        content = _saved(opaque, "JPEG", quality=quality)
        if len(content) <= file.limits.image_bytes:
            return _of(opaque, content, "image/jpeg")
    raise file.unreadable("it stays too large a picture even when scaled down.")


def _saved(picture: Pillow.Image, format_: str, **options: int) -> bytes:
    out = io.BytesIO()
    picture.save(out, format_, **options)
    return out.getvalue()


def _of(picture: Pillow.Image, content: bytes, media_type: str) -> Image:
    return Image(media_type, *picture.size, base64.b64encode(content).decode())
