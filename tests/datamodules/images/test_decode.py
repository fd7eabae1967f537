import numpy as np
import pytest
from pictures import noise
from PIL import Image

from manyviews.datamodules.images.decode import BadImage, extensions, read, to_tensor

COLOUR = np.array(noise(8, 6))


def pixels(path, channels=None):
    return np.asarray(read(path, channels))


def saved(tmp_path, image, name="a.png", **options):
    image.save(tmp_path / name, **options)
    return tmp_path / name


@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P", "CMYK", "L", "1", "LA", "I;16"])
def test_every_mode_becomes_what_was_asked_for(mode, tmp_path):
    name = "a.tif" if mode == "CMYK" else "a.png"
    grey16 = Image.fromarray(COLOUR[..., 0].astype(np.uint16) * 257)
    image = grey16 if mode == "I;16" else Image.fromarray(COLOUR).convert(mode)
    path = saved(tmp_path, image, name)
    assert read(path, 3).mode == "RGB" and read(path, 1).mode == "L"
    assert read(path).mode == ("L" if mode in ("L", "1", "LA", "I;16") else "RGB")
    assert pixels(path, 3).shape == (8, 6, 3)


def test_a_palette_keeps_its_colours(tmp_path):
    image = Image.fromarray(COLOUR).quantize(48)
    assert np.array_equal(pixels(saved(tmp_path, image)), np.asarray(image.convert("RGB")))


def test_cmyk_is_not_taken_for_four_channels(tmp_path):
    image = Image.new("CMYK", (5, 5), (0, 255, 255, 0))
    assert pixels(saved(tmp_path, image, "a.tif"))[0, 0].tolist() == [255, 0, 0]


def test_what_transparency_hides_is_white(tmp_path):
    image = Image.new("RGBA", (5, 5), (200, 0, 0, 0))
    image.putpixel((0, 0), (200, 0, 0, 255))
    shown = pixels(saved(tmp_path, image))
    assert shown[0, 0].tolist() == [200, 0, 0] and shown[1, 1].tolist() == [255, 255, 255]


def test_sixteen_bits_keep_their_range(tmp_path):
    values = np.linspace(0, 65535, 64).astype(np.uint16).reshape(8, 8)
    path = saved(tmp_path, Image.fromarray(values))
    assert np.abs(pixels(path) * 257.0 - values).max() <= 129


def test_the_orientation_of_the_camera_is_applied(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise
    path = saved(tmp_path, Image.fromarray(COLOUR), exif=exif)
    assert np.array_equal(pixels(path), np.rot90(COLOUR, -1))


def test_a_tensor_has_its_channels_first(tmp_path):
    path = saved(tmp_path, Image.fromarray(COLOUR))
    assert np.array_equal(to_tensor(read(path, 3)).permute(1, 2, 0), COLOUR)
    assert to_tensor(read(path, 1)).shape == (1, 8, 6)


def test_formats_that_pillow_only_writes_are_no_images():
    assert {".png", ".jpg", ".webp", ".tif"} <= extensions()
    assert ".pdf" not in extensions()


def bomb(path, side=20_000):
    noise(8, 8).save(path)
    data = bytearray(path.read_bytes())
    data[16:24] = side.to_bytes(4, "big") * 2  # the header says 20,000 x 20,000
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)


def cut_off(path):
    noise(64, 64).save(path)
    path.write_bytes(path.read_bytes()[:3000])


BROKEN = {
    "empty file": lambda path: path.touch(),
    "not an image that Pillow can read": lambda path: path.write_text("<html>"),
    "truncated": cut_off,
    "broken link": lambda path: path.symlink_to("nowhere.png"),
    "no such file": lambda path: None,
    "1 x 1 pixels; a side needs at least 4": lambda path: noise(1, 1).save(path),
    "400000000 pixels, more than .* decompression bomb": bomb,
    "do not fit 16 bits": lambda path: Image.fromarray(np.full((8, 8), 70_000, np.int32)).save(
        path, "TIFF"
    ),
    "floating point": lambda path: Image.fromarray(np.ones((8, 8), np.float32)).save(path, "TIFF"),
}


@pytest.mark.parametrize("reason", BROKEN)
def test_what_cannot_be_used_says_why(reason, tmp_path):
    BROKEN[reason](tmp_path / "a.png")
    with pytest.raises(BadImage, match=reason):
        read(tmp_path / "a.png")


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
def test_a_size_of_which_pillow_only_warns_is_refused_whatever_the_program_s_filters(tmp_path):
    bomb(tmp_path / "a.png", side=10_000)
    with pytest.raises(BadImage, match="100000000 pixels, more than 89478485"):
        read(tmp_path / "a.png")
