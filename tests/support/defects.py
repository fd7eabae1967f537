"""A folder of 40 smooth pictures, and every defect that a folder of images can have."""

import io

import numpy as np
from PIL import Image

BOMB = b"P4 20000 10000\n"  # the head of a bitmap of more pixels than Pillow opens
HOSTILE = "<b>hostile\n.png"


def picture(seed, side=96):
    """Soft coloured spots, no two alike."""
    small = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), np.uint8)
    return Image.fromarray(small).resize((side, side), Image.Resampling.BICUBIC)


def clean(root):
    """Train and test folders of two classes, 32 + 8 pictures."""
    for i in range(40):
        path = root / ("test" if i % 5 == 0 else "train") / "cd"[i % 2] / f"{i:02}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        picture(i).save(path)
    return root


def plant(root):
    """A defect of every kind; the numbers are those of `clean`."""
    c, d, held_out = root / "train" / "c", root / "train" / "d", root / "test" / "c"
    (c / "text.png").write_text("no image")
    (c / "empty.png").touch()
    (c / "link.png").symlink_to("nowhere")
    (c / "cut.jpg").write_bytes(jpeg(picture(100), 90)[:900])
    (c / "bomb.pbm").write_bytes(BOMB)
    picture(101).resize((1, 1)).save(c / "dot.png")
    (c / HOSTILE).write_text("no image")
    (c / "copy.png").write_bytes((c / "02.png").read_bytes())
    (held_out / "leak.png").write_bytes((c / "04.png").read_bytes())
    (held_out / "again.jpg").write_bytes(jpeg(picture(6).resize((90, 90)), 60))
    (d / "other.png").write_bytes((c / "08.png").read_bytes())
    Image.new("RGB", (96, 96), "navy").save(d / "blank.png")
    (root / "train" / "void").mkdir()
    (d / "notes.txt").write_text("labels by Eve")
    picture(102).save(root / "lost.png")
    return root


def jpeg(image, quality):
    """The bytes of a JPEG file."""
    file = io.BytesIO()
    image.save(file, "JPEG", quality=quality)
    return file.getvalue()
