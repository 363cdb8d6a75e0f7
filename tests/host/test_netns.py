"""Links to network namespaces, in a directory of the test's own."""

from pathlib import Path

import pytest

from clab_runtime.host import netns
from clab_runtime.host.problems import HostError


@pytest.fixture
def directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(netns, "DIRECTORY", tmp_path / "netns")
    return tmp_path / "netns"


def test_a_link_is_made_with_its_directory_and_found_and_removed(directory: Path) -> None:
    assert netns.is_writable()
    assert netns.find("r1") is None
    netns.make("r1", "/proc/1/ns/net")
    netns.make("r1", "/proc/1/ns/net")
    link = netns.find("r1")
    assert link is not None
    assert link == (directory / "r1", "/proc/1/ns/net")
    link.remove()
    link.remove()
    assert list(directory.iterdir()) == []


def test_a_link_that_has_become_stale_is_replaced(directory: Path) -> None:
    netns.make("r1", "/proc/4000000000/ns/net")
    netns.make("r1", "/proc/1/ns/net")
    assert [str(link.readlink()) for link in directory.iterdir()] == ["/proc/1/ns/net"]


@pytest.mark.usefixtures("directory")
def test_a_link_that_leads_elsewhere_by_now_stays() -> None:
    netns.make("r1", "/proc/1/ns/net")
    before = netns.find("r1")
    assert before
    netns.make("r1", "/proc/2/ns/net")
    before.remove()
    assert netns.find("r1") == (before.path, "/proc/2/ns/net")


def test_a_namespace_that_somebody_else_has_put_there_stays(directory: Path) -> None:
    directory.mkdir()
    (directory / "r1").write_text("")
    with pytest.raises(HostError, match="no link of a lab's"):
        netns.make("r1", "/proc/1/ns/net")
    assert netns.find("r1") is None
    assert (directory / "r1").is_file()


@pytest.mark.parametrize("name", ["", ".", "..", "../r1", "/etc/passwd", "a/b", "-x", ".hidden", "r1\n", "r\0", "rö"])
def test_a_hostile_name_leads_nowhere(directory: Path, name: str) -> None:
    with pytest.raises(HostError, match="can't be the name of a file"):
        netns.make(name, "/proc/1/ns/net")
    assert netns.find(name) is None
    assert not directory.exists()


def test_a_name_too_long_for_a_file_is_refused_by_the_system(directory: Path) -> None:
    with pytest.raises(OSError, match="name too long"):
        netns.make("r" * 300, "/proc/1/ns/net")
    assert netns.find("r" * 300) is None
    assert list(directory.iterdir()) == []
