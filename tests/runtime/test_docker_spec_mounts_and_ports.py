"""Binds, volumes, tmpfs, devices and ports of a node, as Docker is asked for them."""

from collections.abc import Mapping, Sequence

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import MgmtNet, NodeConfig, PortBinding
from clab_runtime.runtime.docker_spec import container_request
from clab_runtime.runtime.ports import parse_ports

NODE = NodeConfig(short_name="r1", long_name="clab-demo-r1", image="alpine:3")


def request(**changes: object) -> schema.ContainerCreate:
    return container_request(msgspec.structs.replace(NODE, **changes), MgmtNet(), APIVersion(1, 51))


def refused(**changes: object) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as raised:
        request(**changes)
    return raised.value


def test_binds_and_volumes_share_the_engines_list() -> None:
    host = request(binds=["/a:/b", "/c:/d:ro,z", "/e"], volumes=["data:/v", "more:/w:ro,nocopy"]).host_config
    assert host.binds == ("/a:/b", "/c:/d:ro,z", "/e", "data:/v", "more:/w:ro,nocopy")


@pytest.mark.parametrize(
    ("bind", "advice"),
    [
        ("", "write"),
        ("/a:", "write"),
        ("/a:/b:ro:x", "write"),
        ("a:/b", "volumes"),
        ("./a:/b", "volumes"),
        ("/a:b", "absolute"),
        ("/a:/", "absolute"),
        ("/a:/b:readonly", "'readonly' is unknown"),
        ("/a:/b:ro,", "'' is unknown"),
        ("/a:/b:ro,rw", "only one of ro, rw"),
        ("/a:/b:shared,slave", "only one of"),
    ],
)
def test_a_malformed_bind_is_refused(bind: str, advice: str) -> None:
    assert advice in str(refused(binds=[bind]))


@pytest.mark.parametrize(
    ("volume", "advice"),
    [
        ("data", "absolute"),
        ("data:", "write"),
        ("d:/v", "2 to 255"),
        ("da ta:/v", "2 to 255"),
        ("/data:/v", "binds"),
        ("data:v", "absolute"),
        ("data:/v:z", "'z' is unknown, options are nocopy, ro, rw"),
        ("data:/v:rw,ro", "only one of"),
    ],
)
def test_a_malformed_volume_is_refused(volume: str, advice: str) -> None:
    assert advice in str(refused(volumes=[volume]))


def test_two_mounts_at_one_path_are_refused() -> None:
    assert "only one of binds, volumes and tmpfs" in str(refused(binds=["/a:/x/"], tmpfs={"/x": ""}))
    assert "only one of" in str(refused(binds=["/a:/x", "/b:/x"]))


def test_tmpfs_keeps_its_options() -> None:
    assert request(tmpfs={"/run": "size=64k,mode=1777", "/tmp": ""}).host_config.tmpfs == {
        "/run": "size=64k,mode=1777", "/tmp": ""
    }  # fmt: skip
    assert refused(tmpfs={"run": ""}).field == "tmpfs"


@pytest.mark.parametrize(
    "options", ["", "ro,noexec,nosuid", "size=50%,mode=0700", "nr_inodes=1k,uid=1000,gid=4,mpol=local"]
)
def test_options_of_a_tmpfs_are_sent_as_they_are(options: str) -> None:
    assert request(tmpfs={"/run": options}).host_config.tmpfs == {"/run": options}


@pytest.mark.parametrize(
    "options", ["bogus", "size=lots", "size=", "mode=999", "size=1m,,ro", "size=1m, ro", "ro,rw", "exec,noexec", ","]
)
def test_options_that_no_tmpfs_has_are_refused(options: str) -> None:
    assert refused(tmpfs={"/run": options}).field == "tmpfs"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("/dev/fuse", ("/dev/fuse", "/dev/fuse", "rwm")),
        ("/dev/a:/dev/b", ("/dev/a", "/dev/b", "rwm")),
        ("/dev/a:/dev/b:r", ("/dev/a", "/dev/b", "r")),
        ("/dev/a:mw", ("/dev/a", "/dev/a", "mw")),
    ],
)
def test_a_device_is_read(text: str, parts: tuple[str, str, str]) -> None:
    (device,) = request(devices=[text]).host_config.devices
    assert (device.path_on_host, device.path_in_container, device.cgroup_permissions) == parts


@pytest.mark.parametrize("text", ["", "fuse", "/dev/a:", "/dev/a:/dev/b:", "/dev/a:/dev/b:rr", "/dev/a:x", "/a:/b:r:w"])
def test_a_malformed_device_is_refused(text: str) -> None:
    assert refused(devices=[text]).field == "devices"


@pytest.mark.parametrize(
    ("asked", "published"),
    [
        ({"80/tcp": [PortBinding("", "8080")]}, {"80/tcp": [("", "8080")]}),
        ({"80": [PortBinding()]}, {"80/tcp": [("", "")]}),
        ({"80": []}, {"80/tcp": [("", "")]}),
        ({"53/UDP": [PortBinding("127.0.0.1", "53")]}, {"53/udp": [("127.0.0.1", "53")]}),
        ({"1/sctp": [PortBinding("::1", "0")]}, {"1/sctp": [("::1", "0")]}),
        (
            {"80/tcp": [PortBinding("", "80"), PortBinding("::", "81")]},
            {"80/tcp": [("", "80"), ("::", "81")]},
        ),
        (
            {"80-81/tcp": [PortBinding("", "8000-8001")]},
            {"80/tcp": [("", "8000")], "81/tcp": [("", "8001")]},
        ),
        ({"80-81/tcp": [PortBinding()]}, {"80/tcp": [("", "")], "81/tcp": [("", "")]}),
        ({"80/tcp": [PortBinding("", "8000-8010")]}, {"80/tcp": [("", "8000-8010")]}),
        (
            {"80/tcp": [PortBinding("", "1")], "80-81": [PortBinding("", "2-3")]},
            {"80/tcp": [("", "1"), ("", "2")], "81/tcp": [("", "3")]},
        ),
    ],
)
def test_ports_are_published_one_by_one(
    asked: Mapping[str, Sequence[PortBinding]], published: Mapping[str, Sequence[tuple[str, str]]]
) -> None:
    made = request(port_bindings=asked)
    sent = {
        key: [(at.host_ip, at.host_port) for at in places] for key, places in made.host_config.port_bindings.items()
    }
    assert sent == published
    assert made.exposed_ports == {key: {} for key in published}


def test_ports_of_the_port_set_are_exposed_and_not_published() -> None:
    made = request(port_set={"80": {}, "90-91/udp": {}}, port_bindings={"22": [PortBinding()]})
    assert sorted(made.exposed_ports) == ["22/tcp", "80/tcp", "90/udp", "91/udp"]
    assert list(made.host_config.port_bindings) == ["22/tcp"]


@pytest.mark.parametrize("key", ["", "0", "65536", "80/", "80/icmp", "a", "81-80", "80-", "-80", "80/tcp/udp", "²"])
def test_a_malformed_port_is_refused(key: str) -> None:
    assert refused(port_bindings={key: [PortBinding()]}).field == "portbindings"
    assert refused(port_set={key: {}}).field == "portset"


@pytest.mark.parametrize(
    ("key", "place", "advice"),
    [
        ("80", PortBinding("", "65536"), "0 to 65535"),
        ("80", PortBinding("", "http"), "0 to 65535"),
        ("80-81", PortBinding("", "8000"), "as many host ports as the container has: 2"),
        ("80-81", PortBinding("", "8000-8002"), "as many host ports"),
        ("80", PortBinding("localhost", "80"), "IPv4 or IPv6 address"),
        ("80", PortBinding("10.0.0.0/8", "80"), "IPv4 or IPv6 address"),
        ("80", PortBinding("fe80::1%eth0", "80"), "IPv4 or IPv6 address"),
    ],
)
def test_a_malformed_place_on_the_host_is_refused(key: str, place: PortBinding, advice: str) -> None:
    assert advice in str(refused(port_bindings={key: [place]}))


@given(first=st.integers(1, 65535), count=st.integers(1, 50), protocol=st.sampled_from(["tcp", "udp", "sctp"]))
def test_any_range_is_all_of_its_ports(first: int, count: int, protocol: str) -> None:
    last = min(first + count - 1, 65535)
    assert parse_ports("portset", f"{first}-{last}/{protocol}") == (range(first, last + 1), protocol)
    assert parse_ports("portset", f"{first}/{protocol}") == (range(first, first + 1), protocol)
