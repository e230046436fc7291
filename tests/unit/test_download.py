"""Getting archives: whole, in pieces, from bad servers, damaged, interrupted."""

from __future__ import annotations

import errno
import io
import json
import shutil
import tarfile
from collections import namedtuple
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
from command_line import fxpsim
from speech_server import Server, serving

from fxpsim.errors import ConfigError, DataError
from fxpsim.kws import download
from fxpsim.kws.download import ARCHIVES, Archive, archive_named, get

FILES = {"./README.md": b"words", "./yes/a_nohash_0.wav": bytes(1000)}


def packed(files: dict[str, bytes]) -> bytes:
    noise = np.random.default_rng(0).bytes(3 << 20)  # does not compress: several blocks
    memory = io.BytesIO()
    with tarfile.open(fileobj=memory, mode="w:gz") as content:
        for name, data in (files | {"./noise": noise}).items():
            member = tarfile.TarInfo(name)
            member.size = len(data)
            content.addfile(member, io.BytesIO(data))
    return memory.getvalue()


CONTENT = packed(FILES)


def archive_of(content: bytes) -> Archive:
    digest = sha256(content).hexdigest()
    url = "http://127.0.0.1:1/speech.tar.gz"
    return Archive("speech", "some speech", url, len(content), 1 << 22, digest, "free")


ARCHIVE = archive_of(CONTENT)


@pytest.fixture
def server():
    with serving(Server(CONTENT)) as running:
        yield running


def fetch(server: Server, out: Path, archive: Archive = ARCHIVE, **options) -> Path:
    return get(archive, out, url=server.url, pause=lambda seconds: None, **options)


def is_whole(folder: Path) -> bool:
    return all((folder / name).read_bytes() == data for name, data in FILES.items())


def names(out: Path) -> list[str]:
    return sorted(path.name for path in out.iterdir())


def test_files_and_nothing_else_are_left(server, tmp_path):
    stages = []
    out = tmp_path / "new" / "speech"
    folder = fetch(server, out, progress=lambda *told: stages.append(told))
    assert folder == out / "speech"
    assert is_whole(folder)
    assert names(out) == ["speech"]
    assert {stage for stage, _, _ in stages} == {
        "downloading (MB)", "verifying (MB)", "unpacking (MB)",
    }  # fmt: skip
    assert all(done <= total == len(CONTENT) for _, done, total in stages)
    assert fetch(server, out) == folder
    assert len(server.asked) == 1


def test_the_archive_may_stay_and_is_used_again(server, tmp_path):
    fetch(server, tmp_path, keep_archive=True)
    assert names(tmp_path) == ["speech", "speech.tar.gz"]
    shutil.rmtree(tmp_path / "speech")
    assert is_whole(fetch(server, tmp_path))
    assert names(tmp_path) == ["speech", "speech.tar.gz"]
    assert len(server.asked) == 1


def test_a_dropped_connection_is_resumed(server, tmp_path):
    server.drops = [1_500_000, 700_000]
    assert is_whole(fetch(server, tmp_path))
    ranges = [asked.get("Range") for asked in server.asked]
    assert ranges == [None, "bytes=1500000-", "bytes=2200000-"]
    assert [asked.get("If-Range") for asked in server.asked] == [None, '"one"', '"one"']


def test_a_server_without_ranges_starts_over(server, tmp_path):
    server.ranges, server.drops = False, [1_500_000]
    assert is_whole(fetch(server, tmp_path))
    assert len(server.asked) == 2


def test_a_file_that_changed_meanwhile_starts_over(server, tmp_path):
    (tmp_path / "speech.tar.gz.part").write_bytes(bytes(1000))
    note = json.dumps({"url": server.url, "validator": '"old"'})
    (tmp_path / "speech.tar.gz.part.json").write_text(note)
    assert is_whole(fetch(server, tmp_path))
    assert server.asked[0]["If-Range"] == '"old"'


def test_a_part_is_gone_on_with_at_a_mirror(server, tmp_path):
    (tmp_path / "speech.tar.gz.part").write_bytes(CONTENT[:1000])
    (tmp_path / "speech.tar.gz.part.json").write_text("[not json")
    assert is_whole(fetch(server, tmp_path))
    assert server.asked[0]["Range"] == "bytes=1000-"
    assert "If-Range" not in server.asked[0]


def test_a_weak_tag_vouches_for_nothing(server, tmp_path):
    server.tag, server.drops = 'W/"weak"', [10]
    fetch(server, tmp_path)
    assert "If-Range" not in server.asked[1]


@pytest.mark.parametrize("told", [0, 5])
def test_a_range_that_was_not_asked_for_starts_over(server, tmp_path, told):
    server.drops, server.start_told = [1000], told
    assert is_whole(fetch(server, tmp_path))
    assert [asked.get("Range") for asked in server.asked] == [None, "bytes=1000-", None]


def test_a_part_that_is_too_long_starts_over(server, tmp_path):
    (tmp_path / "speech.tar.gz.part").write_bytes(CONTENT + b"more")
    assert is_whole(fetch(server, tmp_path))
    assert "Range" not in server.asked[0]


def test_a_busy_server_is_asked_again(server, tmp_path):
    server.refusals = [503, 429]
    pauses = []
    get(ARCHIVE, tmp_path, url=server.url, pause=pauses.append)
    assert pauses == [2.0, 4.0]
    assert is_whole(tmp_path / "speech")


def test_a_missing_file_is_said_at_once(server, tmp_path):
    server.refusals = [404]
    with pytest.raises(DataError, match=r"answers 404 Not Found: give a mirror with --url"):
        fetch(server, tmp_path)
    assert len(server.asked) == 1


def test_nobody_there(tmp_path):
    with pytest.raises(DataError, match=r"refused\. 0 of 3 MB are kept: run this again"):
        get(ARCHIVE, tmp_path, pause=lambda seconds: None)
    assert names(tmp_path) == []


def test_a_server_that_always_drops_is_given_up_with_what_it_sent(server, tmp_path):
    server.drops = [1 << 20] + [0] * 10
    with pytest.raises(DataError, match=r"ended early\. 1 of 3 MB are kept"):
        fetch(server, tmp_path)
    server.drops = []
    assert is_whole(fetch(server, tmp_path))
    assert server.asked[-1]["Range"] == f"bytes={1 << 20}-"


@pytest.mark.parametrize("claimed", [10, len(CONTENT) + 10])
def test_another_length_is_another_file(server, tmp_path, claimed):
    server.claimed = claimed
    with pytest.raises(DataError, match=rf"must have {len(CONTENT)} bytes .* but has {claimed}"):
        fetch(server, tmp_path)
    assert names(tmp_path) == []


def test_another_total_behind_a_range_is_another_file(server, tmp_path):
    (tmp_path / "speech.tar.gz.part").write_bytes(CONTENT[:1000])
    server.content = CONTENT + b"more"
    with pytest.raises(DataError, match=rf"but has {len(CONTENT) + 4}: give a mirror"):
        fetch(server, tmp_path)


def test_damage_is_found_and_deleted(server, tmp_path):
    server.content = CONTENT[:-100] + bytes(100)
    with pytest.raises(DataError, match=r"must have the SHA-256 .* damaged .* it was deleted"):
        fetch(server, tmp_path)
    assert names(tmp_path) == []


def test_an_archive_of_the_users_is_never_deleted(server, tmp_path):
    (tmp_path / "speech.tar.gz").write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=rf"must have {len(CONTENT)} bytes, not .*: delete it"):
        fetch(server, tmp_path)
    (tmp_path / "speech.tar.gz").write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(DataError, match=r"SHA-256"):
        fetch(server, tmp_path)
    assert names(tmp_path) == ["speech.tar.gz"]


def test_files_outside_the_folder_are_refused(tmp_path):
    content = packed({"../outside": b"x"})
    refused = pytest.raises(DataError, match=r"cannot be unpacked: .*outside")
    with serving(Server(content)) as server, refused:
        fetch(server, tmp_path / "out", archive_of(content))
    assert names(tmp_path) == ["out"]
    assert not (tmp_path / "out" / "speech").exists()


def test_an_archive_that_is_none(tmp_path):
    content = CONTENT[: len(CONTENT) // 2]
    refused = pytest.raises(DataError, match="cannot be unpacked")
    with serving(Server(content)) as server, refused:
        fetch(server, tmp_path, archive_of(content))
    assert not (tmp_path / "speech").exists()


def test_a_mirror_on_the_disk(tmp_path):
    source = tmp_path / "elsewhere.tar.gz"
    source.write_bytes(CONTENT)
    assert is_whole(get(ARCHIVE, tmp_path / "out", url=source.as_uri()))
    assert source.read_bytes() == CONTENT
    source.write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=r"but has \d+: give a mirror"):
        get(ARCHIVE, tmp_path / "again", url=source.as_uri())
    with pytest.raises(DataError, match=r"No such file"):
        get(ARCHIVE, tmp_path / "again", url=(tmp_path / "none").as_uri())


@pytest.mark.parametrize(
    "url",
    ["ftp://here/speech.tar.gz", "http://", "http://[bad/", "speech.tar.gz", "http://ü/", "file://",
     "http://a/\n", "http://a b/"],
)  # fmt: skip
def test_urls_that_are_none(tmp_path, url):
    with pytest.raises(ConfigError, match=r"a URL must be http://, https://, file:// and a place"):
        get(ARCHIVE, tmp_path, url=url)


def test_settings_that_cannot_be(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(ConfigError, match=r"into a folder, but .*file is a file"):
        get(ARCHIVE, tmp_path / "file")
    with pytest.raises(DataError, match=r"cannot be used: Not a directory"):
        get(ARCHIVE, tmp_path / "file" / "below")
    with pytest.raises(ConfigError, match=r"not 'speech-comands'.*'speech-commands'"):
        archive_named("speech-comands")


def test_a_small_disk(server, tmp_path, monkeypatch):
    usage = namedtuple("usage", "free")
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage(5 << 20))
    with pytest.raises(DataError, match=r"must have 0.0 GB free, but has 0.0: free some"):
        fetch(server, tmp_path)
    assert server.asked == []


def test_a_disk_that_fills_up(server, tmp_path, monkeypatch):
    class Full(io.BytesIO):
        def write(self, data):
            raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(download._Part, "begin", lambda part, url, headers: Full())
        with pytest.raises(DataError, match=r"No space left on device: free some space and run"):
            fetch(server, tmp_path)
    assert is_whole(fetch(server, tmp_path))


@pytest.fixture
def shipped(server, monkeypatch):
    monkeypatch.setattr(download, "ARCHIVES", (replace(ARCHIVE, url=server.url),))


@pytest.mark.parametrize("stage", ["downloading", "verifying", "unpacking"])
@pytest.mark.usefixtures("shipped")
def test_stopped_by_the_user_it_goes_on(server, tmp_path, monkeypatch, capsys, stage):
    told = []

    def stop(title):
        class Bar:
            def __enter__(self):
                def show(name, done, total):
                    told.append(name)
                    if name.startswith(stage) and told.count(name) == 2:
                        raise KeyboardInterrupt

                return show

            def __exit__(self, *_):
                pass

        return Bar()

    with monkeypatch.context() as patch:
        patch.setattr("fxpsim.cli.common.progress_bar", stop)
        patch.setattr("fxpsim.cli.data.progress_bar", stop)
        code, _, err = fxpsim(capsys, "data", "get", "speech", "--out", tmp_path)
    assert code == 130
    assert "the same command goes on" in err
    assert names(tmp_path) == ["speech.tar.gz.part", "speech.tar.gz.part.json"]
    code, out, _ = fxpsim(capsys, "data", "get", "speech", "--out", tmp_path)
    assert code == 0
    assert str(tmp_path / "speech") in out
    assert is_whole(tmp_path / "speech")
    ranges = [asked.get("Range") for asked in server.asked]
    assert ranges == [None, f"bytes={2 << 20}-"] if stage == "downloading" else [None]


@pytest.mark.usefixtures("shipped")
def test_command_line(server, tmp_path, capsys):
    code, out, _ = fxpsim(capsys, "data", "get", "speech", "--out", tmp_path, "--keep-archive")
    assert code == 0
    assert "some speech (free)" in out
    assert names(tmp_path) == ["speech", "speech.tar.gz"]
    code, out, _ = fxpsim(capsys, "data", "get", "speech", "--out", tmp_path)
    assert "is there already" in out
    code, _, err = fxpsim(capsys, "data", "get", "speach", "--out", tmp_path)
    assert (code, "did you mean 'speech'" in err) == (1, True)
    server.refusals = [403]
    code, _, err = fxpsim(capsys, "data", "get", "speech", "--out", tmp_path / "b")
    assert (code, "answers 403" in err) == (1, True)


def test_what_is_listed(capsys):
    code, out, _ = fxpsim(capsys, "data", "list", "--json")
    rows = json.loads(out)
    assert code == 0
    assert [row["name"] for row in rows] == [archive.name for archive in ARCHIVES]
    assert rows[0]["size"] == 2428923189
    code, out, _ = fxpsim(capsys, "data", "list")
    assert "speech-commands-test" in out
    assert len({archive.folder for archive in ARCHIVES}) == len(ARCHIVES)
