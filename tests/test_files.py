"""Output files appear whole, one run at a time, where and as the user said."""

from __future__ import annotations

import errno
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from riskclf.disk import naming
from riskclf.errors import InputError
from riskclf.files import (
    Replacement,
    locked,
    open_private,
    replacing,
    replacing_directory,
    write_text,
    write_together,
)

ROOT = Path(__file__).parent.parent

HOLD = """
import sys
from riskclf.files import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""


@contextmanager
def held(path: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Another process holds the lock of the path."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=ROOT,
    ) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        yield holder
        holder.communicate()


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def names(directory: Path) -> list[str]:
    return sorted(path.name for path in directory.iterdir())


def test_a_file_takes_its_place_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old", encoding="utf-8")
    with replacing(path) as staged:
        staged.write_text("new", encoding="utf-8")
        assert path.read_text(encoding="utf-8") == "old"
    assert path.read_text(encoding="utf-8") == "new"
    assert names(tmp_path) == ["out.txt"]


def test_after_an_error_the_older_file_is_as_before(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old", encoding="utf-8")
    with pytest.raises(KeyError), replacing(path) as staged:
        staged.write_text("half of the n", encoding="utf-8")
        raise KeyError
    assert path.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["out.txt"]


def test_the_mode_of_an_older_file_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    path.write_text("old", encoding="utf-8")
    path.chmod(0o600)
    with Replacement(path) as new:
        assert mode_of(new.staged) == 0o600  # nobody else may read it while it is written either
        new.commit()
    assert mode_of(path) == 0o600
    path.chmod(0o664)
    write_text(path, "again")
    assert mode_of(path) == 0o664


def test_a_new_file_has_the_mode_that_the_umask_gives(tmp_path: Path) -> None:
    old = os.umask(0o027)
    try:
        write_text(tmp_path / "out.txt", "x")
    finally:
        os.umask(old)
    assert mode_of(tmp_path / "out.txt") == 0o640


@pytest.mark.parametrize("umask", [0, 0o022])
@pytest.mark.parametrize("older", [None, 0o666, 0o640, 0o400])
def test_a_private_file_is_its_owner_s_alone_from_the_first_byte(
    tmp_path: Path, umask: int, older: int | None
) -> None:
    path = tmp_path / "out.csv"
    if older is not None:
        path.touch()
        path.chmod(older)
    before = os.umask(umask)
    try:
        with Replacement(path, private=True) as new:
            assert mode_of(new.staged) == 0o600 & (older or 0o600)
            new.file.write(b"x")
            new.commit()
    finally:
        os.umask(before)
    assert mode_of(path) == 0o600 & (older or 0o600)


def test_a_directory_that_a_kill_has_moved_away_is_put_back(tmp_path: Path) -> None:
    scratch = tmp_path / ".model.partial"
    (scratch / "old").mkdir(parents=True)
    (scratch / "old" / "weights").write_text("old", encoding="utf-8")
    (scratch / "new").mkdir()
    with pytest.raises(KeyError), replacing_directory(tmp_path / "model"):
        assert (tmp_path / "model" / "weights").read_text(encoding="utf-8") == "old"
        raise KeyError
    assert (tmp_path / "model" / "weights").read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["model"]
    with replacing_directory(tmp_path / "model") as staged:
        (staged / "weights").write_text("new", encoding="utf-8")
    assert (tmp_path / "model" / "weights").read_text(encoding="utf-8") == "new"
    assert names(tmp_path) == ["model"]


def test_a_link_in_the_place_of_a_staged_directory_is_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").mkdir()
    (tmp_path / "precious" / "file").touch()
    (tmp_path / ".model.partial").symlink_to(tmp_path / "precious")
    with replacing_directory(tmp_path / "model") as staged:
        (staged / "weights").touch()
    assert names(tmp_path / "precious") == ["file"]
    assert names(tmp_path / "model") == ["weights"]


def test_files_that_belong_together_are_never_of_two_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_together(tmp_path, {"a": b"1", "b": b"1", "index": b"1"})
    commit = Replacement.commit

    def killed(self: Replacement) -> None:
        if self.staged.name == "b.partial":
            raise KeyboardInterrupt
        commit(self)

    monkeypatch.setattr(Replacement, "commit", killed)
    with pytest.raises(KeyboardInterrupt):
        write_together(tmp_path, {"a": b"2", "b": b"2", "index": b"2"})
    assert names(tmp_path) == ["a", "b"]  # without the file that a reader opens first
    monkeypatch.undo()
    write_together(tmp_path, {"a": b"3", "b": b"3", "index": b"3"})
    assert [(tmp_path / x).read_bytes() for x in names(tmp_path)] == [b"3"] * 3


def test_files_that_belong_together_stay_as_they_are_on_a_full_disk(tmp_path: Path) -> None:
    write_together(tmp_path, {"a": b"1", "index": b"1"})
    (tmp_path / "index.partial").mkdir()  # stands for anything that cannot be written
    with pytest.raises(InputError, match="index cannot be written"):
        write_together(tmp_path, {"a": b"2", "index": b"2"})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "index").read_bytes() == b"1"


@pytest.mark.parametrize(
    "error",
    [
        OSError(errno.ENOSPC, "No space left on device", ".hidden"),
        RuntimeError("[enforce fail at inline_container.cc:664] . unexpected pos 64 vs 0"),
    ],
    ids=["the system's", "torch's"],
)
def test_the_error_of_a_full_disk_names_the_output(error: Exception) -> None:
    with (
        pytest.raises(InputError, match=r"my-model cannot be written.*full|space"),
        naming("my-model"),
    ):
        raise error
    with pytest.raises(PermissionError), naming("my-model"):
        raise PermissionError(errno.EACCES, "Permission denied")


def test_the_target_of_a_link_is_replaced_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    target, link = tmp_path / "real" / "out.txt", tmp_path / "link.txt"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    write_text(link, "new")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"
    assert names(tmp_path / "real") == ["out.txt"]


def test_a_link_in_the_place_of_the_staged_file_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("kept", encoding="utf-8")
    (tmp_path / "out.txt.partial").symlink_to(precious)
    write_text(tmp_path / "out.txt", "new")
    assert precious.read_text(encoding="utf-8") == "kept"
    assert not (tmp_path / "out.txt").is_symlink()


def test_a_link_in_the_place_of_the_lock_is_not_followed(tmp_path: Path) -> None:
    precious = tmp_path / "precious.txt"
    precious.write_text("kept", encoding="utf-8")
    (tmp_path / ".out.txt.lock").symlink_to(precious)
    with (
        pytest.raises(InputError, match=r"out\.txt cannot be written"),
        locked(tmp_path / "out.txt"),
    ):
        pass
    assert precious.read_text(encoding="utf-8") == "kept"


@pytest.mark.parametrize("link", [os.symlink, os.link], ids=["symbolic", "hard"])
def test_a_private_file_is_no_link_and_its_owner_s_alone(tmp_path: Path, link: object) -> None:
    assert callable(link)
    precious = tmp_path / "precious.txt"
    precious.write_text("kept", encoding="utf-8")
    link(precious, tmp_path / "j")
    with pytest.raises(InputError, match=r"j is a link.*remove it"):
        open_private(tmp_path / "j")
    assert precious.read_text(encoding="utf-8") == "kept"
    open_private(tmp_path / "k").close()
    assert mode_of(tmp_path / "k") == 0o600


def test_a_place_that_cannot_be_written_is_named_as_the_user_typed_it(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for path, why in (
        (tmp_path / "no" / "out.txt", "No such file or directory"),
        (tmp_path / ("long" * 63), "File name too long"),
        (tmp_path / "loop", "leads to itself"),
        (Path(os.devnull), "not a regular file"),
    ):
        with pytest.raises(InputError, match=why) as error:
            write_text(path, "x")
        assert str(path) in str(error.value)
        assert ".partial" not in str(error.value)
    assert names(tmp_path) == ["loop"]
    assert Path(os.devnull).is_char_device()


def test_a_place_that_becomes_a_directory_is_named_too(tmp_path: Path) -> None:
    with (
        pytest.raises(InputError, match=r"out\.txt cannot be written") as error,
        replacing(tmp_path / "out.txt"),
    ):
        (tmp_path / "out.txt").mkdir()
        (tmp_path / "out.txt" / "file").touch()
    assert ".partial" not in str(error.value)


def test_a_second_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with held(path):
        with pytest.raises(InputError, match=r"out\.txt is being written by another run"):
            Replacement(path)
        with pytest.raises(InputError, match="is being written by another run"), locked(path):
            pass
        # What the first is writing is untouched, and other outputs are free.
        write_text(tmp_path / "other.txt", "x")
    write_text(path, "mine")
    assert names(tmp_path) == ["other.txt", "out.txt"]


def test_links_to_one_file_share_its_lock(tmp_path: Path) -> None:
    (tmp_path / "link.txt").symlink_to(tmp_path / "out.txt")
    with (
        held(tmp_path / "out.txt"),
        pytest.raises(InputError, match=r"link\.txt is being written"),
        locked(tmp_path / "link.txt"),
    ):
        pass


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with held(path) as holder:
        holder.kill()
        holder.wait()
        write_text(path, "mine")
    assert names(tmp_path) == ["out.txt"]


def test_a_run_may_lock_what_its_writer_locks_again(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    with locked(path):
        write_text(path, "once")
        write_text(path, "twice")
        # The writer has not given the lock of the run away.
        code = f"from riskclf.files import write_text; write_text({str(path)!r}, 'other')"
        other = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, check=False
        )
        assert "is being written by another run" in other.stderr
    assert path.read_text(encoding="utf-8") == "twice"
    assert names(tmp_path) == ["out.txt"]


def test_two_writers_of_one_program_do_not_share_a_file(tmp_path: Path) -> None:
    path = tmp_path / "out.txt"
    failed: list[Exception] = []

    def write() -> None:
        try:
            write_text(path, "other")
        except InputError as error:
            failed.append(error)

    with Replacement(path) as first:
        with pytest.raises(InputError, match="is being written already"):
            Replacement(path)
        thread = threading.Thread(target=write)
        thread.start()
        thread.join()
        assert "is being written" in str(failed[0])
        first.file.write(b"first")
        first.commit()
    assert path.read_bytes() == b"first"
    write_text(path, "later")


def test_many_processes_take_turns_or_are_refused_but_never_mix(tmp_path: Path) -> None:
    code = """
import sys, time
from riskclf.errors import InputError
from riskclf.files import Replacement
done = 0
end = time.monotonic() + 2
while time.monotonic() < end:
    try:
        with Replacement(sys.argv[1]) as new:
            for _ in range(20):
                new.file.write(sys.argv[2].encode() * 1000)
                new.file.flush()
            new.commit()
            done += 1
    except InputError as error:
        assert "is being written by another run" in str(error), error
print(done)
"""
    path = tmp_path / "out.txt"
    running = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(path), letter],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=ROOT,
        )
        for letter in "abc"
    ]
    ended = [process.communicate(timeout=60) for process in running]
    assert [errors for _, errors in ended] == [""] * 3
    assert sum(int(out) for out, _ in ended) > 10
    content = path.read_text(encoding="utf-8")
    assert content in {letter * 20_000 for letter in "abc"}
    assert names(tmp_path) == ["out.txt"]
