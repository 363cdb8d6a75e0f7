"""Mounts of a node on real engines: binds, volumes and file systems in memory."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from clab_runtime import UnsupportedOperationError
from clab_runtime.engine import schema
from tests.contract.differences import Differs
from tests.contract.lab import Lab
from tests.contract.looking import Facts, all_up, facts, inside, inside_each, with_

pytestmark = pytest.mark.anyio


def options(mounts: str, path: str) -> set[str]:
    """Find a mount in /proc/mounts, and return its options."""
    (line,) = (line for line in mounts.splitlines() if line.split()[1] == path)
    return set(line.split()[3].split(","))


def assert_bound(found: Facts, binds: Sequence[str], differs: Differs) -> None:
    """Compare binds and volumes with what the engine shows."""
    shown = found["HostConfig"]["Binds"]
    if differs("binds as read back") is None:
        assert shown == binds
        return
    told = {parts[1]: (parts[0], set(parts[2].split(","))) for parts in (text.split(":") for text in shown)}
    for source, path, *mode in (text.split(":") for text in binds if ":" in text):
        assert told[path][0] == source
        assert {option for text in mode for option in text.split(",")} - {"cached"} <= told[path][1]
    assert len(told) == len(binds)


@pytest.mark.proves("binds")
async def test_binds_are_there_and_written_to_where_that_is_allowed(lab: Lab, shared: Path, differs: Differs) -> None:
    (shared / "given").write_text("from outside")
    absent = shared / "not" / "there"
    binds = [f"{shared}:/a:ro", f"{shared}:/b:rw,private", f"{shared / 'given'}:/c/d", "/anonymous"]
    binds += [f"{absent}:/absent:cached"]
    node = with_(lab.node(), binds=binds)
    await lab.start(node)
    found = await facts(lab, node)
    assert_bound(found, binds, differs)
    mounts = {mount["Destination"]: mount for mount in found["Mounts"]}
    assert {path: mount["RW"] for path, mount in mounts.items()} == {
        "/a": False, "/b": True, "/c/d": True, "/anonymous": True, "/absent": True
    }  # fmt: skip
    assert mounts["/b"]["Propagation"] == "private"
    assert mounts["/anonymous"]["Type"] == "volume"
    seen = await inside_each(
        lab,
        node,
        {
            "files": "cat /a/given /c/d",
            "write": "echo inside > /b/made; echo inside > /absent/made; touch /a/made 2>/dev/null || echo refused",
            "mounts": "cat /proc/mounts",
        },
    )
    assert seen["files"] == "from outside" * 2
    assert seen["write"] == "refused"
    assert (shared / "made").read_text() == (absent / "made").read_text() == "inside\n"
    assert "ro" in options(seen["mounts"], "/a")
    assert {"rw"} <= options(seen["mounts"], "/b") & options(seen["mounts"], "/anonymous")


@pytest.mark.proves("volumes")
async def test_volumes_are_shared_read_only_and_filled_from_the_image_as_asked(lab: Lab, differs: Differs) -> None:
    shared, copied, empty = (f"{lab.name}-{name}" for name in ("shared", "copied", "empty"))
    writer = with_(lab.node("writer"), volumes=[f"{shared}:/data:rw", "/anonymous", f"{copied}:/etc"])
    reader = with_(lab.node("reader"), volumes=[f"{shared}:/data:ro", f"{empty}:/etc:nocopy"])
    await all_up(lab, writer, reader)
    made = {mount["Destination"]: mount["Type"] for mount in (await facts(lab, writer))["Mounts"]}
    assert made == dict.fromkeys(("/data", "/anonymous", "/etc"), "volume")
    assert_bound(await facts(lab, reader), [f"{shared}:/data:ro", f"{empty}:/etc:nocopy"], differs)
    await inside(lab, writer, "echo hello > /data/file && test -f /etc/passwd")
    seen = await inside_each(
        lab,
        reader,
        {
            "read": "cat /data/file",
            "write": "touch /data/other 2>/dev/null || echo refused",
            "etc": "test -e /etc/passwd || echo empty",
            "mounts": "cat /proc/mounts",
        },
    )
    assert (seen["read"], seen["write"], seen["etc"]) == ("hello", "refused", "empty")
    assert "ro" in options(seen["mounts"], "/data")
    assert not {"nosuid", "nodev"} & options(seen["mounts"], "/etc")


@pytest.mark.proves("volumes")
async def test_a_volume_that_is_there_is_used(lab: Lab) -> None:
    name = f"{lab.name}-there"
    await lab.client.volumes.create(schema.VolumeCreate(name=name))
    node = with_(lab.node(), volumes=[f"{name}:/data"])
    await lab.start(node)
    (mount,) = (await facts(lab, node))["Mounts"]
    assert (mount["Name"], mount["Destination"]) == (name, "/data")
    assert (await lab.client.volumes.inspect(name)).mountpoint == mount["Source"]


@pytest.mark.proves("tmpfs")
async def test_file_systems_in_memory_have_their_size_and_options(lab: Lab, differs: Differs) -> None:
    node = with_(lab.node(), tmpfs={"/run": "size=1m,mode=0750,uid=7,exec", "/etc": ""})
    if differs("tmpfs options"):
        with pytest.raises(UnsupportedOperationError, match="tmpfs option 'uid=7'"):
            await lab.runtime.create_container(node)
        assert not await lab.names()
        node = with_(node, tmpfs={"/run": "size=1m,mode=0750,exec", "/etc": ""})
    await lab.start(node)
    shown = (await facts(lab, node))["HostConfig"]["Tmpfs"]
    if differs("tmpfs as read back"):
        assert all(set(asked.split(",")) <= {"", *shown[path].split(",")} for path, asked in node.tmpfs.items())
    else:
        assert shown == node.tmpfs
    scripts = {
        "mounts": "cat /proc/mounts",
        "size": "df -k /run | tail -n 1",
        "empty": "test -e /etc/passwd || echo yes",
    }
    seen = await inside_each(lab, node, scripts)
    seen_at_run = options(seen["mounts"], "/run")
    assert {"size=1024k", "mode=750", "nosuid"} <= seen_at_run
    assert ("uid=7" in seen_at_run) is ("uid=7" in node.tmpfs["/run"])
    assert seen["empty"] == "yes"
    assert "noexec" not in options(seen["mounts"], "/run")
    assert "noexec" in options(seen["mounts"], "/etc")
    assert seen["size"].split()[1] == "1024"
