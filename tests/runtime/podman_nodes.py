"""Nodes as Podman is asked for them, for the tests of the translation."""

from typing import Final

import msgspec
import pytest

from clab_runtime.engine import schema
from clab_runtime.engine.version import APIVersion, EngineInfo
from clab_runtime.errors import InvalidValueError, UnsupportedOperationError
from clab_runtime.models import MgmtNet, NodeConfig
from clab_runtime.runtime.podman_spec import container_spec

NODE: Final = NodeConfig(short_name="r1", long_name="clab-demo-r1", image="alpine:3")
MGMT: Final = MgmtNet(ipv4_subnet="172.20.20.0/24", ipv6_subnet="3fff:172:20:20::/64")
OLD: Final = EngineInfo("podman", "4.3.1", APIVersion(1, 41), APIVersion(4, 3))
NEW: Final = EngineInfo("podman", "5.4.2", APIVersion(1, 41), APIVersion(5, 4))


def spec(info: EngineInfo = NEW, /, **changes: object) -> schema.ContainerSpec:
    return container_spec(msgspec.structs.replace(NODE, **changes), MGMT, info, nofile=1024)


def refused(**changes: object) -> InvalidValueError:
    with pytest.raises(InvalidValueError) as raised:
        spec(**changes)
    return raised.value


def unsupported(info: EngineInfo = NEW, /, **changes: object) -> UnsupportedOperationError:
    with pytest.raises(UnsupportedOperationError) as raised:
        spec(info, **changes)
    assert (raised.value.engine, raised.value.version) == (info.engine, info.version)
    return raised.value
