"""An engine that is stopped, or killed, and comes back in its place; and none of it is left when it is taken down."""

import json
import signal
from pathlib import Path
from typing import Any

from tests.engines import Engine, cgroups, cleanup, down, mounts, restart
from tests.engines.http import call, call_json

POLITE = ("sh", "-c", "trap 'exit 3' TERM; while :; do sleep 0.1; done")
"""What an engine that goes can stop at once."""
API = "/v1.41"


def traces(engine: Engine) -> set[Path]:
    """Return what there is of an engine on this machine, but for its processes: mounts and files."""
    cgroup = cgroups.name_for(engine.directory)
    return {
        *(mount.target for mount in mounts.mounted() if mount.target.is_relative_to(engine.directory)),
        *cleanup.netns_files(engine.directory, cgroup),
        engine.directory,
    }


def made(engine: Engine, path: str, **body: object) -> str:
    """Make something in an engine, without any of the code under test, and return its id."""
    content = json.dumps(body).encode()
    reply = call(engine.socket, "POST", f"{API}{path}", content, content_type="application/json")
    identity: str = json.loads(reply)["Id"]
    return identity


def state_of(engine: Engine, container: str) -> dict[str, Any]:
    """Return what an engine says of a container's state."""
    state: dict[str, Any] = call_json(engine.socket, "GET", f"{API}/containers/{container}/json")["State"]
    return state


def test_an_engine_comes_back_in_place_with_what_it_had(own_engine: Engine) -> None:
    network = made(own_engine, "/networks/create", Name="kept", Driver="bridge")
    container = made(
        own_engine, "/containers/create?name=kept", Image="busybox", Cmd=POLITE, HostConfig={"NetworkMode": "kept"}
    )
    for by in (signal.SIGTERM, signal.SIGKILL):
        call(own_engine.socket, "POST", f"{API}/containers/{container}/start")
        process = own_engine.pid
        assert state_of(own_engine, container)["Running"]
        restart(own_engine, by=by)
        assert own_engine.pid not in {None, process}
        assert call_json(own_engine.socket, "GET", f"{API}/networks/kept")["Id"] == network
        if own_engine.kind == "docker":  # which ends its containers when it goes, or when it comes back
            assert not state_of(own_engine, container)["Running"]
        else:
            assert state_of(own_engine, container)["Running"]
    call(own_engine.socket, "POST", f"{API}/containers/{container}/start")
    left = traces(own_engine)
    down(own_engine)
    assert not cgroups.processes(cgroups.name_for(own_engine.directory))
    assert not {trace for trace in left | traces(own_engine) if trace.exists()}
