"""Sizes of files: headers only, as Pillow shows the image, broken files in one clear line."""

from __future__ import annotations

import glob
import struct
import zlib
from contextlib import suppress
from pathlib import Path
from random import Random

import pytest
from PIL import Image, ImageOps

from vlcalc.core.errors import InputError
from vlcalc.core.image_headers import find_images, read_size
from vlcalc.core.image_size import ImageSize

ORIENTATION = 0x0112


@pytest.mark.parametrize("suffix", ["jpg", "png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_rotation_is_honoured(tmp_path: Path, suffix: str, orientation: int) -> None:
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    path = tmp_path / f"photo.{suffix}"
    Image.new("RGB", (40, 30)).save(path, exif=exif)
    with Image.open(path) as image:
        assert read_size(path) == ImageOps.exif_transpose(image).size


@pytest.mark.parametrize("suffix", ["gif", "bmp", "ppm", "png", "jpg", "tif"])
def test_formats(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"image.{suffix}"
    Image.new("RGB", (17, 5)).save(path)
    assert read_size(path) == ImageSize(17, 5)


def png_header(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


def test_only_the_header_is_read(tmp_path: Path) -> None:
    path = tmp_path / "huge.png"
    path.write_bytes(png_header(90_000, 90_000))
    assert read_size(path) == ImageSize(90_000, 90_000)


def test_a_header_beyond_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "bomb.png"
    path.write_bytes(png_header(2_000_000, 5))
    with pytest.raises(InputError, match=r"bomb\.png: expected sides of .* got 2000000x5"):
        read_size(path)


@pytest.mark.parametrize("share", [0.0005, 0.05, 0.5, 0.999])
def test_a_truncated_jpeg(tmp_path: Path, share: float) -> None:
    whole, cut = tmp_path / "whole.jpg", tmp_path / "cut.jpg"
    Image.effect_noise((400, 300), 80).save(whole)
    data = whole.read_bytes()
    cut.write_bytes(data[: int(len(data) * share)])
    assert read_size(whole) == (400, 300)
    with pytest.raises(InputError, match=rf"^{cut}: expected an image, got "):
        read_size(cut)


def test_a_jpeg_with_data_behind_its_end(tmp_path: Path) -> None:
    path = tmp_path / "motion.jpg"
    Image.new("RGB", (40, 30)).save(path)
    path.write_bytes(path.read_bytes() + bytes(200_000))
    assert read_size(path) == (40, 30)


def test_a_jpeg_whose_thumbnail_alone_has_an_end(tmp_path: Path) -> None:
    path = tmp_path / "cut.jpg"
    Image.effect_noise((400, 300), 80).save(path, comment=b"\xff\xd8\xff\xd9")
    path.write_bytes(path.read_bytes()[:-500])
    with pytest.raises(InputError, match="a truncated JPEG, without its end marker"):
        read_size(path)


def test_a_text_file_named_png(tmp_path: Path) -> None:
    path = tmp_path / "text.png"
    path.write_text("hello")
    with pytest.raises(InputError, match="expected an image, got a file that is no image"):
        read_size(path)


@pytest.mark.parametrize("name", ["missing.png", "."])
def test_files_that_cannot_be_read(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match="expected an image, got "):
        read_size(tmp_path / name)


def test_folders_and_globs(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    names = ["a.png", "b/c.JPG", "notes.txt"]
    for name in names:
        (tmp_path / name).write_bytes(b"")
    images = [tmp_path / name for name in names[:2]]
    assert list(find_images(str(tmp_path))) == images
    assert list(find_images(f"{tmp_path}/**/*.*")) == images
    assert list(find_images(f"{tmp_path}/*.png")) == images[:1]


def test_a_folder_without_images(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="expected a folder with images, got none"):
        list(find_images(str(tmp_path)))
    with pytest.raises(InputError, match="expected a pattern that matches images, got none"):
        list(find_images(f"{tmp_path}/*.png"))


def test_pillow_keeps_its_own_limit(tmp_path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    Image.new("RGB", (4, 3)).save(tmp_path / "a.png")
    read_size(tmp_path / "a.png")
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize(
    ("start", "name"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "HEIC"),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "SVG"),
        (b'<?xml version="1.0"?>\n<!-- a -->\n<svg width="5">', "SVG"),
    ],
)
def test_formats_that_are_not_supported_are_named(tmp_path: Path, start: bytes, name: str) -> None:
    path = tmp_path / "lie.png"
    path.write_bytes(start)
    with pytest.raises(InputError, match=f"lie.png: .* got {name}, which is not supported"):
        read_size(path)


def test_a_header_of_noise_is_one_error(tmp_path: Path) -> None:
    random = Random(7)
    path = tmp_path / "noise"
    for suffix in ("jpg", "png", "webp", "tiff", "gif", "bmp", "ppm"):
        Image.new("RGB", (40, 30)).save(tmp_path / f"whole.{suffix}")
        data = (tmp_path / f"whole.{suffix}").read_bytes()
        for _ in range(150):
            noisy = bytearray(data[: random.randrange(4, len(data))])
            for _ in range(random.randrange(6)):
                noisy[random.randrange(2, len(noisy))] = random.randrange(256)
            path.write_bytes(noisy)
            with suppress(InputError):
                assert read_size(path)


def test_links_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.png").write_bytes(b"")
    (tmp_path / "a" / "round").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "a" / "folder.png").mkdir()
    images = [tmp_path / "a" / "x.png"]
    assert list(find_images(str(tmp_path))) == images
    assert list(find_images(f"{tmp_path}/**/*.png")) == images
    assert list(find_images(f"{tmp_path}/*/*.p?g")) == images


def test_a_pattern_matches_what_glob_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (
        "a.png",
        ".b.png",
        "b/c.png",
        "b/.d/e.png",
        "b-1/f.png",
        "b/g[1].png",
        "b/h/i.png",
    ):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    monkeypatch.chdir(tmp_path)
    for root in ("", "./", f"{tmp_path}/"):
        for pattern in ("*.png", "**/*.png", "**", "*/*.png", "b/**/i.png", ".*.png", "**/.d/*",
                        "b/g[[]1].png", "b/../*.png", "**/h/**", "b*/[cf].png"):  # fmt: skip
            wanted = [Path(name) for name in sorted(glob.glob(root + pattern, recursive=True))]  # noqa: PTH207
            wanted = [path for path in wanted if path.suffix == ".png"]
            assert list(find_images(root + pattern)) == wanted, pattern
