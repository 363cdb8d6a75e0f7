"""The Engine HTTP API, by hand: an async client for Docker's (and Podman's compatible) API over a byte stream.

It knows nothing about labs. `EngineClient` holds a group of endpoints each for containers, execs, images, networks,
volumes and the system; `schema` has what goes over the wire.

    async with EngineClient() as engine:
        print((await engine.containers.inspect("clab-demo-r1")).state.status)
"""

from clab_runtime.engine import schema
from clab_runtime.engine.client import EngineClient
from clab_runtime.engine.credentials import RegistryCredentials
from clab_runtime.engine.duplex import Duplex
from clab_runtime.engine.endpoint import EngineEndpoint, TLSFiles
from clab_runtime.engine.framing import FrameDecoder, JSONDecoder, LineSplitter
from clab_runtime.engine.raw import RawStream
from clab_runtime.engine.reference import ImageReference
from clab_runtime.engine.resolution import resolve_docker, resolve_podman
from clab_runtime.engine.transport import EngineTransport
from clab_runtime.engine.version import APIVersion, EngineInfo

__all__ = [
    "APIVersion",
    "Duplex",
    "EngineClient",
    "EngineEndpoint",
    "EngineInfo",
    "EngineTransport",
    "FrameDecoder",
    "ImageReference",
    "JSONDecoder",
    "LineSplitter",
    "RawStream",
    "RegistryCredentials",
    "TLSFiles",
    "resolve_docker",
    "resolve_podman",
    "schema",
]
