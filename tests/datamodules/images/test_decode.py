import os
import socket
import struct
import zlib

import numpy as np
import pytest
from pictures import noise
from PIL import Image

from manyviews.datamodules.images.decode import BadImage, decode, extensions, read, to_tensor

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
    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    path.write_bytes(data)


def cut_off(path):
    noise(64, 64).save(path)
    path.write_bytes(path.read_bytes()[:3000])


def bound_socket(path):
    with socket.socket(socket.AF_UNIX) as made:
        made.bind(str(path))


BROKEN = {
    "empty file": lambda path: path.touch(),
    "not an image that Pillow can read": lambda path: path.write_text("<html>"),
    "truncated": cut_off,
    "broken link": lambda path: path.symlink_to("nowhere.png"),
    "no such file": lambda path: None,
    "1 x 1 pixels; a side needs at least 4": lambda path: noise(1, 1).save(path),
    "400000000 pixels, more than .* decompression bomb": bomb,
    "70000 to 70000 do not fit 16 bits": lambda path: Image.fromarray(
        np.full((8, 8), 70_000, np.int32)
    ).save(path, "TIFF"),
    "floating point pixels from -1 to -1 do not fit": lambda path: Image.fromarray(
        np.full((8, 8), -1, np.float32)
    ).save(path, "TIFF"),
    "infinite or no numbers": lambda path: Image.fromarray(
        np.full((8, 8), np.nan, np.float32)
    ).save(path, "TIFF"),
    "a named pipe, not a file": os.mkfifo,
    "a folder, not a file": lambda path: path.mkdir(),
    "a socket, not a file": bound_socket,
    "a character device, not a file": lambda path: path.symlink_to("/dev/zero"),
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


def png(path, header, data, *chunks):
    """A PNG of these bytes: Pillow does not write 16 bits per colour."""

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    parts = [chunk(b"IHDR", struct.pack(">IIBBBBB", *header, 0, 0, 0))]
    parts += [chunk(kind, content) for kind, content in chunks]
    parts += [chunk(b"IDAT", zlib.compress(data)), chunk(b"IEND", b"")]
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + b"".join(parts))
    return path


def png16(path, values, *chunks):
    """A PNG of 16 bits, (H, W) in grey or (H, W, 2, 3 or 4)."""
    kind = {2: 0}.get(values.ndim) if values.ndim == 2 else {2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = [b"\0" + row.astype(">u2").tobytes() for row in values]
    return png(path, (values.shape[1], values.shape[0], 16, kind), b"".join(rows), *chunks)


def tiff(path, pixels, photometric, samples=1, extra=None):
    """An uncompressed TIFF of 8 bits with the given tags."""
    height, width = pixels.shape[:2]
    entries = [(256, 3, 1, width), (257, 3, 1, height), (258, 3, 1, 8), (259, 3, 1, 1),
               (262, 3, 1, photometric), (273, 4, 1, 0), (277, 3, 1, samples), (278, 3, 1, height),
               (279, 4, 1, pixels.nbytes)]  # fmt: skip
    tail, end = b"", 8 + 2 + 12 * (len(entries) + (extra is not None)) + 4
    bits = struct.pack(f"<{samples}H", *[8] * samples)
    entries[2] = (258, 3, samples, 8) if samples == 1 else (258, 3, samples, end)
    tail += bits if samples > 1 else b""
    if extra is not None:  # up to two fit into the entry
        entries.append((338, 3, len(extra), 0))
    entries[5] = (273, 4, 1, end + len(tail))
    body = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    path.write_bytes(
        b"II*\0" + struct.pack("<IH", 8, len(entries)) + body + b"\0" * 4 + tail + pixels.tobytes()
    )
    return path


TWELVE = np.linspace(0, 4095, 64).astype(np.uint16).reshape(8, 8)
IN_EIGHT = np.rint(TWELVE / 4095 * 255)


@pytest.mark.parametrize("kind", ["uint16", ">u2", "int32", "float32"])
def test_twelve_bits_in_a_deeper_file_keep_their_grey_levels(kind, tmp_path):
    values = TWELVE.astype(np.int32) if kind == "int32" else TWELVE.astype(kind)
    mode = {">u2": "I;16B"}.get(kind)
    image = Image.frombytes(mode, (8, 8), values.tobytes()) if mode else Image.fromarray(values)
    made = decode(saved(tmp_path, image, "a.tif"))
    assert np.array_equal(np.asarray(made.image), IN_EIGHT)
    assert made.peak == 4095 and made.done == ("float" if kind == "float32" else "deep",)
    full = np.asarray(read(tmp_path / "a.tif", white=65535))
    assert np.array_equal(full, np.rint(TWELVE / 257))


@pytest.mark.parametrize("bands", [3, 4])
def test_colours_of_twelve_bits_keep_their_levels(bands, tmp_path):
    colour = np.stack([TWELVE, TWELVE[::-1], TWELVE.T, np.full((8, 8), 65535)][:bands], 2)
    made = decode(png16(tmp_path / "a.png", colour))
    assert made.image.mode == "RGB" and made.peak == 4095 and made.done == ("deep",)
    assert np.array_equal(np.asarray(made.image)[..., 0], IN_EIGHT)
    assert np.array_equal(np.asarray(made.image)[..., 2], IN_EIGHT.T)


def test_sixteen_bits_with_a_transparent_colour_or_band_are_put_on_white(tmp_path):
    key = struct.pack(">H", int(TWELVE[0, 3]))
    shown = pixels(png16(tmp_path / "a.png", TWELVE, (b"tRNS", key)))
    assert shown[0, 3] == 255 and shown[0, 4] == IN_EIGHT[0, 4]
    half = np.stack([TWELVE, np.full((8, 8), 0x8000)], 2)
    made = decode(png16(tmp_path / "b.png", half))
    assert made.done == ("deep", "alpha") and made.image.mode == "L" and made.peak == 4095
    assert np.abs(np.asarray(made.image) - (IN_EIGHT + 255) / 2).max() <= 1


@pytest.mark.parametrize("top", [0.5, 1.0])
def test_floating_point_numbers_up_to_one_are_shares_of_white(top, tmp_path):
    values = np.linspace(0, top, 64, dtype=np.float32).reshape(8, 8)
    made = decode(saved(tmp_path, Image.fromarray(values), "a.tif"))
    assert np.array_equal(np.asarray(made.image), np.rint(values * 255)) and made.done == ("float",)


def test_lab_keeps_its_colours(tmp_path):
    lab = np.zeros((6, 6, 3), np.uint8)
    lab[:] = (136, 208 - 128, 195 - 128)  # CIE L* 53, a* 80, b* 67: red; a and b are signed
    made = decode(tiff(tmp_path / "a.tif", lab, 8, 3))
    assert (
        np.abs(np.asarray(made.image)[0, 0].astype(int) - [255, 0, 0]).max() <= 12
    )  # of 8 bits, by D50
    assert made.done == ("lab",)


def test_ycbcr_keeps_its_colours(tmp_path):
    image = Image.new("RGB", (6, 6), (200, 30, 60)).convert("YCbCr")
    shown = pixels(saved(tmp_path, image, "a.tif"))
    assert np.abs(shown[0, 0].astype(int) - [200, 30, 60]).max() <= 2


def test_cmyk_says_that_its_profile_is_not_used(tmp_path):
    image = Image.new("CMYK", (5, 5), (0, 255, 255, 0))
    assert decode(saved(tmp_path, image, "a.tif")).done == ("cmyk",)


@pytest.mark.parametrize("samples", [4, 5])
def test_bands_that_are_dropped_are_told(samples, tmp_path):
    bands = np.random.default_rng(0).integers(0, 256, (8, 8, samples), np.uint8)
    made = decode(tiff(tmp_path / "a.tif", bands, 2, samples, extra=[0] * (samples - 3)))
    assert np.array_equal(np.asarray(made.image), bands[..., :3])
    assert made.done == (f"bands:{samples}",)


def test_a_palette_with_transparency_is_put_on_white(tmp_path):
    image = Image.fromarray(COLOUR).quantize(48)
    index = image.getpixel((2, 3))
    shown = pixels(saved(tmp_path, image, transparency=index))
    opaque = np.asarray(image.convert("RGB"))
    hidden = np.asarray(image) == index
    assert (shown[hidden] == 255).all() and np.array_equal(shown[~hidden], opaque[~hidden])


@pytest.mark.parametrize("mode", ["L", "RGB", "1"])
def test_a_colour_that_a_file_names_as_transparent_is_white(mode, tmp_path):
    image = Image.new(mode, (5, 5), 0)
    image.putpixel((0, 0), (9, 9, 9) if mode == "RGB" else 9 if mode == "L" else 1)
    key = {"L": 0, "RGB": (0, 0, 0), "1": 0}[mode]
    made = decode(saved(tmp_path, image, transparency=key))
    shown = np.asarray(made.image.convert("RGB"))
    assert shown[1, 1].tolist() == [255] * 3
    assert shown[0, 0, 0] == (255 if mode == "1" else 9)


def test_a_wholly_transparent_picture_keeps_its_colours(tmp_path):
    image = Image.fromarray(COLOUR).convert("RGBA")
    image.putalpha(0)
    made = decode(saved(tmp_path, image))
    assert np.array_equal(np.asarray(made.image), COLOUR) and made.done == ("transparent",)


def test_white_on_transparent_is_told_and_an_opaque_band_needs_no_word(tmp_path):
    image = Image.new("LA", (6, 6), (255, 0))
    image.putpixel((2, 2), (255, 255))
    assert decode(saved(tmp_path, image)).done == ("white_on_white",)
    assert decode(saved(tmp_path, Image.fromarray(COLOUR).convert("RGBA"))).done == ()


@pytest.mark.parametrize("name", ["a.gif", "a.tif", "a.webp", "a.png"])
def test_of_several_frames_the_first_is_read_and_it_is_told(name, tmp_path):
    frames = [Image.new("L", (6, 6), level) for level in (250, 10, 90)]
    path = saved(tmp_path, frames[0], name, save_all=True, append_images=frames[1:])
    made = decode(path)
    assert abs(int(np.asarray(made.image.convert("L"))[0, 0]) - 250) <= 2
    assert made.done == ("frames:3",)


def test_the_left_and_right_picture_of_a_stereo_camera_are_two_frames(tmp_path):
    image = Image.fromarray(COLOUR)
    path = saved(tmp_path, image, "a.mpo", save_all=True, append_images=[image])
    made = decode(path)
    assert made.image.size == (6, 8) and made.done == ("frames:2",)


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("name", ["a.png", "a.tif", "a.webp"])
def test_every_orientation_becomes_upright(tag, name, tmp_path):
    upright = np.stack([TWELVE[:5] // 16] * 3, 2).astype(np.uint8)  # 5 x 8 pixels
    turned = {1: upright, 2: upright[:, ::-1], 3: upright[::-1, ::-1], 4: upright[::-1],
              5: upright.transpose(1, 0, 2), 6: np.rot90(upright), 7: np.rot90(upright, 2)
              .transpose(1, 0, 2), 8: np.rot90(upright, -1)}[tag]  # fmt: skip
    exif = Image.Exif()
    exif[0x0112] = tag
    options = {"lossless": True} if name == "a.webp" else {}
    path = saved(tmp_path, Image.fromarray(turned.copy()), name, exif=exif, **options)
    assert np.array_equal(pixels(path), upright)


def test_a_broken_orientation_tag_does_not_make_the_picture_unreadable(tmp_path):
    path = saved(tmp_path, Image.fromarray(COLOUR), exif=b"Exif\0\0II*\0\xff\xff\xff\x7f")
    assert np.array_equal(pixels(path), COLOUR)


@pytest.mark.parametrize("kind", ["profile", "text", "many texts"])
def test_a_png_with_a_large_profile_or_text_is_read(kind, tmp_path):
    from PIL import PngImagePlugin

    large = bytes(range(256)) * 12_000  # 3 MB
    info, options = PngImagePlugin.PngInfo(), {}
    if kind == "profile":
        options["icc_profile"] = large
    elif kind == "text":
        info.add_text("history", large.decode("latin-1"), zip=True)
    else:
        for i in range(70):
            info.add_text(f"k{i}", "x" * 1_000_000, zip=True)
    path = saved(tmp_path, Image.fromarray(COLOUR), pnginfo=info, **options)
    with pytest.raises(ValueError), Image.open(path) as image:
        image.load()
    assert np.array_equal(pixels(path), COLOUR)


def test_a_file_in_another_format_than_its_ending_is_read_by_its_content(tmp_path):
    assert pixels(saved(tmp_path, Image.fromarray(COLOUR), "a.png", format="BMP")).shape == (
        8,
        6,
        3,
    )


def test_no_other_program_is_started_for_a_file(tmp_path, monkeypatch):
    monkeypatch.setattr("subprocess.check_call", None)
    for name in ("a.eps", "a.png"):
        Image.fromarray(COLOUR).save(tmp_path / name, "EPS")
        with pytest.raises(BadImage, match="not an image that Pillow can read"):
            read(tmp_path / name)
    assert not {".eps", ".h5", ".mpg"} & extensions()
