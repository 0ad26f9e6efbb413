"""Configuration directories at Git revisions, with the real Git."""

from __future__ import annotations

import os
import subprocess

import pytest

from repaintd.app.plan_revision import RevisionRefused, read_revision


@pytest.fixture
def git(tmp_path, require):
    program = require("git")
    top = tmp_path / "top"
    top.mkdir()

    def run(*arguments):
        identity = ("-c", "user.name=t", "-c", "user.email=t@example.org")
        command = [program, "-C", str(top), *identity, *arguments]
        return subprocess.run(  # noqa: S603 - fixed
            command, check=True, capture_output=True, text=True
        ).stdout.strip()

    run("init", "-q", "-b", "main")
    run.top = top
    return run


def read(git, tmp_path, name, directory="site/config", environ=os.environ):
    into = tmp_path / f"into-{len(list(tmp_path.iterdir()))}"
    into.mkdir()
    return read_revision(git.top / directory, name, into, environ)


def commit(git, files, message="work"):
    for name, text in files.items():
        path = git.top / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    git("add", "-A")
    git("commit", "-qm", message)


def content(directory):
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_text() for path in files}


def test_a_directory_below_the_top_is_read_as_it_was(git, tmp_path):
    commit(git, {"site/config/a.yaml": "old", "other/b.yaml": "x"})
    commit(git, {"site/config/a.yaml": "new", "site/config/c/d.yaml": "d"})
    found = read(git, tmp_path, "main~1")
    assert content(found.directory) == {"a.yaml": "old"}
    assert found.commit == git("rev-parse", "main~1")
    assert content(read(git, tmp_path, "main").directory) == {"a.yaml": "new", "c/d.yaml": "d"}


def test_the_top_itself_may_be_the_directory(git, tmp_path):
    commit(git, {"repaintd.yaml": "a"})
    assert content(read(git, tmp_path, "HEAD", "").directory) == {"repaintd.yaml": "a"}


def test_neither_checkout_nor_index_is_touched(git, tmp_path):
    commit(git, {"site/config/a.yaml": "old"})
    commit(git, {"site/config/a.yaml": "new"})
    (git.top / "site/config/a.yaml").write_text("edited")
    (git.top / "site/config/staged.yaml").write_text("staged")
    git("add", "site/config/staged.yaml")
    before = git("status", "--porcelain", "--branch")
    index = (git.top / ".git/index").read_bytes()
    read(git, tmp_path, "main~1")
    assert git("status", "--porcelain", "--branch") == before
    assert (git.top / ".git/index").read_bytes() == index
    assert (git.top / "site/config/a.yaml").read_text() == "edited"
    assert git("worktree", "list").count("\n") == 0


def test_a_revision_without_the_directory_is_empty(git, tmp_path):
    commit(git, {"README.md": "x"})
    commit(git, {"site/config/a.yaml": "a"})
    assert content(read(git, tmp_path, "main~1").directory) == {}


def test_a_revision_where_the_directory_was_a_file_is_empty(git, tmp_path):
    commit(git, {"site/config": "a file"})
    git("rm", "-q", "site/config")
    commit(git, {"site/config/a.yaml": "a"})
    assert content(read(git, tmp_path, "main~1").directory) == {}


def test_files_that_archives_leave_out_are_there(git, tmp_path):
    commit(git, {"site/config/a.yaml": "a", ".gitattributes": "site/config export-ignore\n"})
    assert content(read(git, tmp_path, "main").directory) == {"a.yaml": "a"}


def test_symbolic_links_stay_links(git, tmp_path):
    (git.top / "site/config").mkdir(parents=True)
    (git.top / "site/config/out.yaml").symlink_to("/etc/hostname")
    commit(git, {"site/config/a.yaml": "a"})
    link = read(git, tmp_path, "main").directory / "out.yaml"
    assert link.is_symlink()
    assert str(link.readlink()) == "/etc/hostname"


def test_a_link_to_the_directory_will_do(git, tmp_path):
    commit(git, {"site/config/a.yaml": "a"})
    (tmp_path / "link").symlink_to(git.top / "site" / "config")
    assert content(read(git, tmp_path, "main", tmp_path / "link").directory) == {"a.yaml": "a"}


def test_within_a_hook_the_repository_is_still_the_one_around_the_directory(git, tmp_path):
    commit(git, {"site/config/a.yaml": "a"})
    hook = {"GIT_DIR": ".git", "GIT_INDEX_FILE": str(tmp_path / "nowhere" / "index")}
    found = read(git, tmp_path, "main", environ={**os.environ, **hook})
    assert content(found.directory) == {"a.yaml": "a"}


def test_git_is_told_no_secret_of_the_environment(git, tmp_path):
    tools = tmp_path / "tools"
    tools.mkdir()
    (tools / "git").write_text(f"#!/bin/sh\nenv > {tmp_path}/told\nexit 1\n")
    (tools / "git").chmod(0o755)
    environ = {"PATH": f"{tools}:{os.environ['PATH']}", "TOKEN": "canary", "GIT_DIR": "canary"}
    with pytest.raises(RevisionRefused):
        read(git, tmp_path, "main", "", environ)
    assert "canary" not in (tmp_path / "told").read_text()


@pytest.mark.parametrize("name", ["nosuch", "--help", "main:site", "", "a b", "nul\0byte"])
def test_a_revision_that_is_none_is_refused(git, tmp_path, name):
    commit(git, {"site/config/a.yaml": "a"})
    with pytest.raises(RevisionRefused):
        read(git, tmp_path, name)


def test_a_revision_that_is_not_known_says_what_to_do(git, tmp_path):
    commit(git, {"site/config/a.yaml": "a"})
    with pytest.raises(RevisionRefused, match=r"'origin/main' is neither a directory nor.*fetch"):
        read(git, tmp_path, "origin/main")


def test_outside_of_a_repository_there_are_no_revisions(tmp_path, require):
    require("git")
    (tmp_path / "into").mkdir()
    environ = {**os.environ, "GIT_CEILING_DIRECTORIES": str(tmp_path.parent)}
    with pytest.raises(RevisionRefused, match="lies in no Git checkout"):
        read_revision(tmp_path, "main", tmp_path / "into", environ)


def test_without_git_there_are_no_revisions(tmp_path):
    with pytest.raises(RevisionRefused, match="no `git` here"):
        read_revision(tmp_path, "main", tmp_path / "into", {"PATH": str(tmp_path)})


def test_a_git_that_hangs_or_cannot_be_run_is_told(git, tmp_path, monkeypatch):
    monkeypatch.setattr("repaintd.app.plan_revision.SECONDS", 0.05)
    tools = tmp_path / "tools"
    tools.mkdir()
    fake = tools / "git"
    fake.write_text("#!/bin/sh\nexec sleep 5\n")
    fake.chmod(0o755)
    environ = {"PATH": f"{tools}:{os.environ['PATH']}"}
    with pytest.raises(RevisionRefused, match="did not end within"):
        read(git, tmp_path, "main", "", environ)
    fake.write_text("#!/no/such/interpreter\n")
    with pytest.raises(RevisionRefused, match="cannot be run"):
        read(git, tmp_path, "main", "", environ)


def test_what_git_cannot_read_is_told(git, tmp_path):
    commit(git, {"site/config/a.yaml": "a"})
    blob = git("rev-parse", "main:site/config/a.yaml")
    (git.top / ".git/objects" / blob[:2] / blob[2:]).unlink()
    with pytest.raises(RevisionRefused, match="git checkout-index failed"):
        read(git, tmp_path, "main")
