"""Reading numpy files from strangers: no pickle, no surprises in size."""

from __future__ import annotations

import io
import zipfile
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fxpsim.errors import DataError

__all__ = [
    "LARGEST",
    "brief",
    "check_file",
    "open_zip",
    "read_array",
    "read_member",
    "read_npy",
    "read_npz",
]

#: More than any network this project is for; a file that claims more is refused unread.
LARGEST = 1 << 28


def brief(error: BaseException) -> str:
    """Return what another library says of a file, which may be long and hold its bytes."""
    return " ".join(str(error).split())[:200] or type(error).__name__


def check_file(path: Path, most: int = LARGEST) -> None:
    """Check that there is a file, of at most so many bytes.

    Raises
    ------
    DataError
        There is none, or it is a folder, or it is larger.
    """
    if path.is_dir():
        raise DataError(f"{path}: must be a file, not a folder")
    if not path.is_file():
        raise DataError(f"{path}: there is no such file")
    if path.stat().st_size > most:
        raise DataError(f"{path}: must have at most {most >> 20} MiB")


def open_zip(path: Path, most: int = LARGEST) -> zipfile.ZipFile:
    """Open an archive whose parts, unpacked, stay within ``most`` bytes.

    Raises
    ------
    DataError
        There is no such file, or it is not such an archive.
    """
    check_file(path, most)
    try:
        archive = zipfile.ZipFile(path)
    except Exception as error:  # a damaged file makes its readers raise nearly anything
        raise DataError(f"{path}: not a whole zip archive ({brief(error)})") from None
    size = sum(entry.file_size for entry in archive.infolist())
    if size > most:
        archive.close()
        raise DataError(f"{path}: must unpack to at most {most >> 20} MiB, not {size >> 20}")
    return archive


def read_member(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """Return the bytes of one member; DataError where it is missing or damaged."""
    try:
        return archive.read(name)
    except KeyError:
        raise DataError(f"{path}: it holds no {name!r}") from None
    except Exception as error:  # a damaged file makes its readers raise nearly anything
        raise DataError(f"{path}: {name!r} cannot be read ({brief(error)})") from None


def read_array(archive: zipfile.ZipFile, name: str, path: Path) -> NDArray[Any]:
    """Read one .npy member; DataError where it is damaged or holds objects."""
    return _parse(read_member(archive, name, path), f"{path}: array {name!r}")


def read_npy(path: Path) -> NDArray[Any]:
    """Return the array of a .npy file; DataError where there is none or it is damaged."""
    check_file(path)
    return _parse(path.read_bytes(), str(path))


def _parse(data: bytes, where: str) -> NDArray[Any]:
    try:
        stream = io.BytesIO(data)
        version = np.lib.format.read_magic(stream)
        one = version == (1, 0)
        header = np.lib.format.read_array_header_1_0 if one else np.lib.format.read_array_header_2_0
        shape, _, dtype = header(stream)
        # A header may claim any size; believe it only as far as there are bytes.
        claimed = prod(shape) * dtype.itemsize
        if dtype.hasobject or claimed > len(data):
            raise DataError(f"{where} must be plain numbers, whole; it is damaged or holds objects")
        stream.seek(0)
        array: NDArray[Any] = np.lib.format.read_array(stream, allow_pickle=False)
        if dtype.kind == "U":
            array.tolist()  # raises where a letter is none
    except DataError:
        raise
    except Exception as error:  # a damaged file makes its readers raise nearly anything
        raise DataError(f"{where} cannot be read ({brief(error)})") from None
    return array


def read_npz(path: Path, most: int = LARGEST) -> dict[str, NDArray[Any]]:
    """Return all arrays of an npz file, by name; DataError as for the functions above."""
    with open_zip(path, most) as archive:
        names = [name for name in archive.namelist() if name.endswith(".npy")]
        if not names:
            raise DataError(f"{path}: must be an npz file with arrays, but holds none")
        return {name.removesuffix(".npy"): read_array(archive, name, path) for name in names}
