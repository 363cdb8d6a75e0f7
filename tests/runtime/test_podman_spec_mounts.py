"""Binds, volumes, tmpfs and devices, as Podman is asked for them."""

import pytest

from clab_runtime.engine import schema
from tests.runtime.podman_nodes import refused, spec, unsupported


def test_binds_are_mounts_without_the_words_that_say_nothing_on_linux() -> None:
    made = spec(binds=["/a:/b", "/c:/d:ro,z,rshared", "/e:/f:cached"])
    assert made.mounts == (
        schema.SpecMount(type="bind", source="/a", destination="/b"),
        schema.SpecMount(type="bind", source="/c", destination="/d", options=("ro", "z", "rshared")),
        schema.SpecMount(type="bind", source="/e", destination="/f"),
    )


def test_volumes_are_mounted_as_docker_mounts_them_and_a_bind_without_a_source_is_one() -> None:
    made = spec(binds=["/e"], volumes=["data:/v", "more:/w:ro,nocopy", "/own"])
    assert made.mounts == ()
    assert made.volumes == (
        schema.NamedVolume(dest="/e", options=("suid", "dev")),
        schema.NamedVolume(name="data", dest="/v", options=("suid", "dev")),
        schema.NamedVolume(name="more", dest="/w", options=("ro", "nocopy", "suid", "dev")),
        schema.NamedVolume(dest="/own", options=("suid", "dev")),
    )


@pytest.mark.parametrize(
    ("options", "sent"),
    [
        ("", ["noexec", "nosuid", "nodev", "notmpcopyup"]),
        ("size=64k,mode=1777", ["size=64k", "mode=1777", "noexec", "nosuid", "nodev", "notmpcopyup"]),
        ("exec,nosuid,ro,private", ["exec", "nosuid", "ro", "private", "nodev", "notmpcopyup"]),
    ],
)
def test_a_tmpfs_is_as_strict_as_dockers_and_empty(options: str, sent: list[str]) -> None:
    (mount,) = spec(tmpfs={"/run": options}).mounts
    assert mount == schema.SpecMount(type="tmpfs", source="tmpfs", destination="/run", options=tuple(sent))


@pytest.mark.parametrize("option", ["uid=7", "gid=7", "nr_inodes=1k", "mpol=local", "noatime", "sync", "strictatime"])
def test_an_option_of_a_tmpfs_that_podman_does_not_know_is_unsupported(option: str) -> None:
    assert unsupported(tmpfs={"/run": f"size=1m,{option}"}).feature == f"tmpfs option {option!r}"


def test_mounts_are_checked_as_for_docker() -> None:
    assert refused(binds=["a:/b"]).field == "binds"
    assert refused(volumes=["data:/v:z"]).field == "volumes"
    assert refused(tmpfs={"/run": "bogus"}).field == "tmpfs"
    assert refused(devices=["fuse"]).field == "devices"
    assert "only one of" in str(refused(binds=["/a:/x/"], tmpfs={"/x": ""}))


def test_a_device_is_a_word_with_its_permissions() -> None:
    made = spec(devices=["/dev/fuse", "/dev/a:/dev/b:r"])
    assert made.devices == (
        schema.SpecDevice(path="/dev/fuse:/dev/fuse:rwm"), schema.SpecDevice(path="/dev/a:/dev/b:r")
    )  # fmt: skip


def test_a_privileged_container_has_all_devices_and_other_names_for_some() -> None:
    made = spec(devices=["/dev/fuse", "/dev/a:/dev/b"], privileged=True)
    assert made.devices == ()
    assert made.mounts == (schema.SpecMount(type="bind", source="/dev/a", destination="/dev/b"),)
