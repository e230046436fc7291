"""Getting speech from where it is published: resumed, verified, unpacked whole or not at all."""

from __future__ import annotations

import errno
import json
import os
import shutil
import tarfile
import time
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from gzip import BadGzipFile
from hashlib import sha256
from http.client import HTTPException
from pathlib import Path
from typing import IO, Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from fxpsim.errors import ConfigError, DataError, suggest

__all__ = ["ARCHIVES", "Archive", "archive_named", "get"]

#: Called with a stage, bytes done and bytes in all.
Progress = Callable[[str, int, int], None]

SCHEMES = ("http://", "https://", "file://")
_BLOCK = 1 << 20
_PATIENCE = 60.0  # seconds without a byte
_ATTEMPTS = 4  # in a row that bring nothing


@dataclass(frozen=True, slots=True)
class Archive:
    """A published archive.

    Attributes
    ----------
    name, title
        What the command line calls it, and what it is.
    url
        Where it is published.
    size, unpacked
        Bytes of the archive, and about how many its files take on a disk.
    sha256
        Of the archive, as TensorFlow Datasets records it
        (``tensorflow_datasets/url_checksums/speech_commands.txt``).
    licence
        Of what is in it.
    """

    name: str
    title: str
    url: str
    size: int
    unpacked: int
    sha256: str
    licence: str

    @property
    def file(self) -> str:
        """Name of the archive's file."""
        return self.url.rpartition("/")[2]

    @property
    def folder(self) -> str:
        """Name of the folder it is unpacked to."""
        return self.file.removesuffix(".tar.gz")


_WARDEN = 'P. Warden, "Speech Commands", arXiv:1804.03209; CC BY 4.0, Google LLC'
ARCHIVES = (
    Archive(
        name="speech-commands",
        title="Speech Commands v0.02: 105 829 clips of 35 words, lists of validation and test",
        url="http://download.tensorflow.org/data/speech_commands_v0.02.tar.gz",
        size=2_428_923_189,
        unpacked=3_900_000_000,
        sha256="af14739ee7dc311471de98f5f9d2c9191b18aedfe957f4a6ff791c709868ff58",
        licence=_WARDEN,
    ),
    Archive(
        name="speech-commands-test",
        title="Speech Commands v0.02, canonical test set of the 12 classes: 4890 clips",
        url="http://download.tensorflow.org/data/speech_commands_test_set_v0.02.tar.gz",
        size=112_563_277,
        unpacked=180_000_000,
        sha256="cc2a00c1147c2254e9be3fa0f779d8c17421dc349b86366567a8edfa9acd51df",
        licence=_WARDEN,
    ),
)


def archive_named(name: str) -> Archive:
    """Return one of :data:`ARCHIVES`; ConfigError with the nearest name where there is none."""
    for archive in ARCHIVES:
        if archive.name == name:
            return archive
    names = [archive.name for archive in ARCHIVES]
    raise ConfigError(f"data must be {' or '.join(names)}, not {name!r}{suggest(name, names)}")


def get(
    archive: Archive,
    out: Path,
    *,
    url: str | None = None,
    keep_archive: bool = False,
    progress: Progress | None = None,
    pause: Callable[[float], None] = time.sleep,
) -> Path:
    """Download, verify and unpack an archive; go on with what an earlier call left.

    Parameters
    ----------
    archive
        What to get.
    out
        Folder, made where missing.  The files come to ``out/<archive.folder>``, which exists only
        once it is whole.  An archive that already lies in ``out`` is verified and used.
    url
        Of a mirror: http, https or file.
    keep_archive
        Leave the archive beside its files.
    progress
        Called with the stage, bytes done and bytes in all.
    pause
        Waits so many seconds before a broken connection is tried again.

    Returns
    -------
    Path
        The folder with the files.

    Raises
    ------
    ConfigError
        The URL is none, or ``out`` is no folder.
    DataError
        Nothing answers, what answers is not this archive, or the disk refuses it.
    """
    url = archive.url if url is None else url
    _check_url(url)
    if out.exists() and not out.is_dir():
        raise ConfigError(f"speech is put into a folder, but {out} is a file")
    folder, given = out / archive.folder, out / archive.file
    if folder.exists():
        return folder
    tell = progress or (lambda stage, done, total: None)
    with _disk(out):
        out.mkdir(parents=True, exist_ok=True)
        if given.exists():
            _verify(archive, given, tell, "delete it, and run this again")
            _check_space(out, archive.unpacked)
            _unpack(archive, given, folder, tell)
            return folder
        part = _Part(out / f"{archive.file}.part")
        missing = max(0, archive.size - part.size)
        _check_space(out, missing + archive.unpacked)
        _download(archive, url, part, tell, pause)
        try:
            _verify(archive, part.path, tell, "it was deleted; run this again, or give a mirror")
        except DataError:
            part.delete()
            raise
        _unpack(archive, part.path, folder, tell)
        if keep_archive:
            os.replace(part.path, given)
        part.delete()
    return folder


def _check_url(url: str) -> None:
    try:
        whole = bool(urlsplit(url).hostname) or url.startswith("file:///")
    except ValueError:
        whole = False
    plain = url.isascii() and url.isprintable() and " " not in url
    if not whole or not plain or not url.startswith(SCHEMES):
        raise ConfigError(f"a URL must be {', '.join(SCHEMES)} and a place, not {url!r}")


@dataclass(frozen=True, slots=True)
class _Part:
    """A file that is not whole yet, and beside it what tells whether the server's has changed."""

    path: Path

    @property
    def size(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def _note(self) -> Path:
        return self.path.with_name(f"{self.path.name}.json")

    def validator(self, url: str) -> str | None:
        """Return the entity tag or date of what was begun at this URL."""
        try:
            note = json.loads(self._note.read_text(encoding="utf-8"))
            return str(note["validator"]) if note["url"] == url else None
        except (OSError, ValueError, LookupError, TypeError):
            return None

    def begin(self, url: str, headers: Any) -> IO[bytes]:
        """Start over; a weak entity tag does not vouch for bytes, so it is not kept."""
        tag = headers.get("ETag") or ""
        validator = tag if tag.startswith('"') else headers.get("Last-Modified")
        self._note.unlink(missing_ok=True)
        file = self.path.open("wb")
        if validator:
            note = json.dumps({"url": url, "validator": validator})
            self._note.write_text(note, encoding="utf-8")
        return file

    def delete(self) -> None:
        self.path.unlink(missing_ok=True)
        self._note.unlink(missing_ok=True)


def _download(
    archive: Archive, url: str, part: _Part, tell: Progress, pause: Callable[[float], None]
) -> None:
    """Make the part as long as the archive, over as many connections as that takes."""
    if part.size > archive.size:
        part.delete()
    failures = 0
    while (before := part.size) < archive.size:
        reason = "the connection ended early"
        try:
            _connection(archive, url, part, tell)
        except HTTPError as error:
            error.close()
            if error.code == 416:  # the server has less than was begun
                part.delete()
            elif error.code < 500 and error.code not in (408, 429):
                raise DataError(
                    f"{url} answers {error.code} {error.reason}: give a mirror with --url"
                ) from None
            reason = f"it answers {error.code} {error.reason}"
        except (URLError, HTTPException) as error:
            reason = _reason(error)
        failures = 0 if part.size > before else failures + 1
        if part.size < archive.size:
            if failures == _ATTEMPTS or url.startswith("file://"):
                kept = f"{part.size >> 20} of {archive.size >> 20} MB are kept"
                raise DataError(
                    f"{url} cannot be downloaded: {reason}. {kept}: run this again to go on, or "
                    "give a mirror with --url"
                )
            wait = 2.0**failures
            tell(f"{reason}; again in {wait:g} s", part.size, archive.size)
            pause(wait)


def _connection(archive: Archive, url: str, part: _Part, tell: Progress) -> None:
    """Append to the part what one connection brings."""
    have = part.size
    headers = {"Accept-Encoding": "identity", "User-Agent": "fxpsim"}
    if have:
        headers["Range"] = f"bytes={have}-"
        if validator := part.validator(url):
            headers["If-Range"] = validator
    with _connected(Request(url, headers=headers)) as answer:
        resumed = answer.status == 206
        span = answer.headers.get("Content-Range", "")
        if resumed and not span.startswith(f"bytes {have}-"):
            part.delete()  # nothing that can be gone on with
            return
        length = span.rpartition("/")[2] if resumed else answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        if total is not None and total != archive.size:
            raise DataError(
                f"{url} must have {archive.size} bytes to be {archive.file}, but has {total}: "
                "give a mirror with --url"
            )
        if not resumed:
            have = 0
        with part.path.open("ab") if resumed else part.begin(url, answer.headers) as file:
            for block in _blocks(answer):
                file.write(block[: archive.size - have])
                have = min(have + len(block), archive.size)
                tell("downloading (MB)", have, archive.size)
                if have == archive.size:
                    return


@contextmanager
def _connected(request: Request) -> Iterator[Any]:
    with _network():
        answer = urlopen(request, timeout=_PATIENCE)
    with answer:
        yield answer


@contextmanager
def _network() -> Iterator[None]:
    """Tell what a connection raises, of which much is a plain OSError, from what a disk raises."""
    try:
        yield
    except (URLError, HTTPException):
        raise
    except OSError as error:
        raise HTTPException(_reason(error)) from None


def _blocks(answer: Any) -> Iterator[bytes]:
    while True:
        with _network():
            block = answer.read(_BLOCK)
        if not block:
            return
        yield block


def _reason(error: Exception) -> str:
    inner = error.reason if isinstance(error, URLError) else error
    text = getattr(inner, "strerror", None) or str(inner) or type(inner).__name__
    return " ".join(str(text).split())[:200]


def _verify(archive: Archive, path: Path, tell: Progress, advice: str) -> None:
    size, found = path.stat().st_size, sha256()
    if size != archive.size:
        raise DataError(f"{path} must have {archive.size} bytes, not {size}: {advice}")
    with path.open("rb") as file:
        while block := file.read(_BLOCK):
            found.update(block)
            tell("verifying (MB)", file.tell(), size)
    if found.hexdigest() != archive.sha256:
        raise DataError(
            f"{path} must have the SHA-256 {archive.sha256}, not {found.hexdigest()}: "
            f"it is damaged or another file; {advice}"
        )


def _unpack(archive: Archive, path: Path, folder: Path, tell: Progress) -> None:
    """Unpack beside the folder and rename, so that a folder of that name is whole."""
    if not hasattr(tarfile, "data_filter"):
        raise DataError("unpacking safely needs Python 3.11.4 or newer")
    beside = folder.with_name(f".{folder.name}.unpacking")
    shutil.rmtree(beside, ignore_errors=True)  # of a run that was killed
    try:
        with path.open("rb") as file, tarfile.open(fileobj=file, mode="r:gz") as content:
            for member in content:
                content.extract(member, beside, filter="data")
                tell("unpacking (MB)", file.tell(), archive.size)
        os.replace(beside, folder)
    except (tarfile.TarError, EOFError, zlib.error, BadGzipFile) as error:
        raise DataError(f"{path} cannot be unpacked: {_reason(error)}") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _check_space(out: Path, wanted: int) -> None:
    free = shutil.disk_usage(out).free
    if free < wanted:
        raise DataError(
            f"{out} must have {wanted / 1e9:.1f} GB free, but has {free / 1e9:.1f}: "
            "free some, or give another folder"
        )


@contextmanager
def _disk(out: Path) -> Iterator[None]:
    """Make a sentence of what the disk says; what was downloaded stays."""
    try:
        yield
    except OSError as error:
        advice = ""
        if error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None)):
            advice = ": free some space and run this again, which goes on where it stopped"
        place = error.filename or out
        raise DataError(f"{place} cannot be used: {_reason(error)}{advice}") from None
