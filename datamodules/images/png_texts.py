"""PNG files without their texts and colour profile, which Pillow refuses above 1 MB."""

from __future__ import annotations

import struct

SIGNATURE = b"\x89PNG\r\n\x1a\n"
TEXTS = (b"iCCP", b"iTXt", b"tEXt", b"zTXt")


def without_texts(content: bytes) -> bytes:
    """Return the content of a PNG file without chunks of text and the colour profile.

    The pixels are the same: none of these chunks is read for them. Content that is cut off, or no
    PNG, is returned as it is from there on.
    """
    if not content.startswith(SIGNATURE):
        return content
    kept, at = [SIGNATURE], len(SIGNATURE)
    while at + 12 <= len(content):
        length, kind = struct.unpack(">I4s", content[at : at + 8])
        end = at + 12 + length  # length, kind, data and checksum
        if kind not in TEXTS:
            kept.append(content[at:end])
        at = end
    return b"".join([*kept, content[at:]])
