"""What comes before what when an engine is looked for."""

import hashlib
import json
import os
import socket
from pathlib import Path

import pytest

from clab_runtime.engine import resolution as module
from clab_runtime.engine.endpoint import EngineEndpoint, TLSFiles
from clab_runtime.engine.resolution import resolve_docker, resolve_podman
from clab_runtime.errors import EngineConnectionError, InvalidValueError


@pytest.fixture(autouse=True)
def no_engine_here(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(module, "DOCKER_SOCKET", str(tmp_path / "rootful-docker.sock"))
    monkeypatch.setattr(module, "PODMAN_SOCKET", str(tmp_path / "rootful-podman.sock"))
    monkeypatch.setattr(module, "USER_RUNTIME_DIRS", str(tmp_path / "run-user"))


def make_socket(path: Path) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    with socket.socket(socket.AF_UNIX) as sock:
        sock.bind(str(path))
    return f"unix://{path}"


def make_context(config: Path, name: str, meta: object, *tls: str) -> None:
    digest = hashlib.sha256(name.encode()).hexdigest()
    folder = config / "contexts" / "meta" / digest
    folder.mkdir(parents=True)
    (folder / "meta.json").write_text(meta if isinstance(meta, str) else json.dumps(meta))
    for part in tls:
        file = config / "contexts" / "tls" / digest / "docker" / f"{part}.pem"
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()


def docker_at(host: str | None, *, skip: bool = False) -> dict[str, object]:
    return {"Name": "x", "Metadata": {}, "Endpoints": {"docker": {"Host": host, "SkipTLSVerify": skip}}}


def use_context(config: Path, name: str | None) -> None:
    config.mkdir(parents=True, exist_ok=True)
    (config / "config.json").write_text(json.dumps({"auths": {}, "currentContext": name}))


@pytest.fixture
def home(tmp_path: Path) -> Path:
    config = tmp_path / "home" / ".docker"
    make_context(config, "chosen", docker_at("tcp://chosen:1"))
    make_context(config, "named", docker_at("tcp://named:1"))
    use_context(config, "chosen")
    return tmp_path / "home"


def test_explicit_beats_everything(home: Path) -> None:
    environ = {"DOCKER_HOST": "tcp://variable:1", "DOCKER_CONTEXT": "named", "DOCKER_TLS_VERIFY": "1"}
    assert str(resolve_docker("tcp://explicit", environ=environ, home=home)) == "tcp://explicit:2375"
    given = EngineEndpoint.parse("unix:///given")
    assert resolve_docker(given, environ=environ, home=home) is given


def test_docker_host_beats_docker_context(home: Path) -> None:
    environ = {"DOCKER_HOST": "tcp://variable:1", "DOCKER_CONTEXT": "named"}
    assert str(resolve_docker(environ=environ, home=home)) == "tcp://variable:1"


def test_docker_context_beats_the_current_context(home: Path) -> None:
    assert str(resolve_docker(environ={"DOCKER_CONTEXT": "named"}, home=home)) == "tcp://named:1"


def test_the_current_context_beats_the_default_sockets(home: Path) -> None:
    make_socket(Path(module.DOCKER_SOCKET))
    assert str(resolve_docker(environ={}, home=home)) == "tcp://chosen:1"


def test_empty_variables_count_as_unset(home: Path) -> None:
    environ = {"DOCKER_HOST": "", "DOCKER_CONTEXT": "", "DOCKER_CONFIG": ""}
    assert str(resolve_docker(environ=environ, home=home)) == "tcp://chosen:1"


def test_docker_config_moves_the_folder(home: Path, tmp_path: Path) -> None:
    make_context(tmp_path / "cfg", "other", docker_at("ssh://me@other"))
    use_context(tmp_path / "cfg", "other")
    assert str(resolve_docker(environ={"DOCKER_CONFIG": str(tmp_path / "cfg")}, home=home)) == "ssh://me@other"


def test_home_comes_from_the_environment(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert str(resolve_docker(environ={"HOME": str(home)})) == "tcp://chosen:1"
    monkeypatch.setenv("HOME", str(home))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    assert str(resolve_docker()) == "tcp://chosen:1"


@pytest.mark.parametrize("name", ["default", None, ""])
def test_the_default_context_is_the_default_socket(tmp_path: Path, name: str | None) -> None:
    use_context(tmp_path / ".docker", name)
    assert str(resolve_docker(environ={}, home=tmp_path)) == f"unix://{module.DOCKER_SOCKET}"
    assert str(resolve_docker(environ={"DOCKER_CONTEXT": "default"}, home=tmp_path)).startswith("unix://")


def test_a_docker_folder_that_is_a_file_counts_as_none(tmp_path: Path) -> None:
    (tmp_path / ".docker").touch()
    assert str(resolve_docker(environ={}, home=tmp_path)) == f"unix://{module.DOCKER_SOCKET}"


def test_default_docker_sockets_in_order_and_the_rootful_path_if_none_exists(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path / "xdg")}
    assert str(resolve_docker(environ=environ, home=tmp_path)) == f"unix://{module.DOCKER_SOCKET}"
    desktop = make_socket(tmp_path / ".docker" / "run" / "docker.sock")
    assert str(resolve_docker(environ=environ, home=tmp_path)) == desktop
    rootless = make_socket(tmp_path / "xdg" / "docker.sock")
    assert str(resolve_docker(environ=environ, home=tmp_path)) == rootless
    assert str(resolve_docker(environ={}, home=tmp_path)) == desktop
    rootful = make_socket(Path(module.DOCKER_SOCKET))
    assert str(resolve_docker(environ=environ, home=tmp_path)) == rootful


def test_a_missing_context_is_an_error_that_says_what_to_do(home: Path) -> None:
    with pytest.raises(EngineConnectionError, match=r"docker context 'gone': .*no such context.*`docker context ls`"):
        resolve_docker(environ={"DOCKER_CONTEXT": "gone"}, home=home)


@pytest.mark.parametrize("meta", [{}, {"Endpoints": None}, {"Endpoints": {"kubernetes": {}}}, docker_at(None)])
def test_a_context_without_docker_is_an_error(tmp_path: Path, meta: dict[str, object]) -> None:
    make_context(tmp_path / ".docker", "k8s", meta)
    with pytest.raises(EngineConnectionError, match="docker context 'k8s': the context has no docker endpoint"):
        resolve_docker(environ={"DOCKER_CONTEXT": "k8s"}, home=tmp_path)


@pytest.mark.parametrize("text", ["{", '{"Endpoints": 1}', ""])
def test_a_broken_context_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    make_context(tmp_path / ".docker", "bad", text)
    with pytest.raises(EngineConnectionError, match=r"meta\.json: this is not valid JSON"):
        resolve_docker(environ={"DOCKER_CONTEXT": "bad"}, home=tmp_path)


def test_a_context_with_a_host_that_is_none_is_an_error_that_names_both(tmp_path: Path) -> None:
    make_context(tmp_path / ".docker", "bad", docker_at("npipe:////./pipe/x"))
    with pytest.raises(InvalidValueError, match=r"docker context 'bad': 'npipe:"):
        resolve_docker(environ={"DOCKER_CONTEXT": "bad"}, home=tmp_path)


@pytest.mark.parametrize("text", ["{", '{"currentContext": 5}', "[]"])
def test_a_broken_config_is_an_error_that_names_the_file(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_text(text)
    with pytest.raises(EngineConnectionError, match=r"config\.json: this is not valid JSON.*DOCKER_HOST"):
        resolve_docker(environ={"DOCKER_CONFIG": str(tmp_path)}, home=tmp_path)


def test_a_config_that_can_not_be_read_is_an_error_that_names_the_file(tmp_path: Path) -> None:
    (tmp_path / "config.json").mkdir()
    with pytest.raises(EngineConnectionError, match=r"config\.json: can't be read: Is a directory"):
        resolve_docker(environ={"DOCKER_CONFIG": str(tmp_path)}, home=tmp_path)


def test_a_broken_config_does_not_matter_where_docker_host_is_set(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{")
    environ = {"DOCKER_CONFIG": str(tmp_path), "DOCKER_HOST": "tcp://h"}
    assert str(resolve_docker(environ=environ, home=tmp_path)) == "tcp://h:2375"


def test_a_context_brings_its_tls_files(tmp_path: Path) -> None:
    make_context(tmp_path, "tls", docker_at("tcp://h"), "ca", "cert", "key")
    found = resolve_docker(environ={"DOCKER_CONFIG": str(tmp_path), "DOCKER_CONTEXT": "tls"}, home=tmp_path)
    assert found.port == 2376
    assert found.tls is not None
    assert found.tls.verify
    for part in ("ca", "cert", "key"):
        path = getattr(found.tls, part)
        assert path is not None
        assert path.endswith(f"docker/{part}.pem")


def test_a_context_may_skip_verification_or_have_an_authority_only(tmp_path: Path) -> None:
    make_context(tmp_path, "skip", docker_at("tcp://h", skip=True))
    make_context(tmp_path, "ca", docker_at("tcp://h"), "ca")
    environ = {"DOCKER_CONFIG": str(tmp_path)}
    skip = resolve_docker(environ={**environ, "DOCKER_CONTEXT": "skip"}, home=tmp_path)
    assert skip.tls == TLSFiles(verify=False)
    ca = resolve_docker(environ={**environ, "DOCKER_CONTEXT": "ca"}, home=tmp_path)
    assert ca.tls is not None
    assert ca.tls.ca is not None
    assert (ca.tls.cert, ca.tls.key, ca.tls.verify) == (None, None, True)


def test_docker_tls_verify_takes_the_files_of_docker_cert_path(tmp_path: Path) -> None:
    for part in ("ca", "cert", "key"):
        (tmp_path / f"{part}.pem").touch()
    environ = {"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "0", "DOCKER_CERT_PATH": str(tmp_path)}
    ca, cert, key = (str(tmp_path / f"{part}.pem") for part in ("ca", "cert", "key"))
    found = resolve_docker(environ=environ, home=tmp_path)
    assert found.tls == TLSFiles(ca, cert, key)
    assert found.port == 2376
    unverified = resolve_docker(environ={**environ, "DOCKER_TLS_VERIFY": ""}, home=tmp_path)
    assert unverified.tls == TLSFiles(None, cert, key, verify=False)


def test_the_certificates_are_looked_for_in_the_docker_folder_and_the_client_s_are_optional(tmp_path: Path) -> None:
    ca = str(tmp_path / ".docker" / "ca.pem")
    verify = resolve_docker(environ={"DOCKER_HOST": "tcp://h", "DOCKER_TLS_VERIFY": "1"}, home=tmp_path)
    assert verify.tls == TLSFiles(ca)
    plain = resolve_docker(environ={"DOCKER_HOST": "tcp://h", "DOCKER_TLS": "1"}, home=tmp_path)
    assert plain.tls == TLSFiles(verify=False)


def test_tls_variables_do_not_touch_sockets_ssh_or_contexts(home: Path) -> None:
    environ = {"DOCKER_TLS_VERIFY": "1"}
    assert resolve_docker(environ={**environ, "DOCKER_HOST": "unix:///s"}, home=home).tls is None
    assert resolve_docker(environ={**environ, "DOCKER_HOST": "ssh://h"}, home=home).tls is None
    assert resolve_docker(environ=environ, home=home).tls is None


def test_bad_values_name_where_they_come_from() -> None:
    with pytest.raises(InvalidValueError, match="DOCKER_HOST: 'fd://' is not valid"):
        resolve_docker(environ={"DOCKER_HOST": "fd://"})
    with pytest.raises(InvalidValueError, match="CONTAINER_HOST: 'fd://' is not valid"):
        resolve_podman(environ={"CONTAINER_HOST": "fd://"})
    with pytest.raises(InvalidValueError, match="endpoint: '' is not valid"):
        resolve_docker("")


def test_podman_explicit_beats_container_host() -> None:
    environ = {"CONTAINER_HOST": "ssh://variable", "CONTAINER_SSHKEY": "/key"}
    explicit = resolve_podman("ssh://me@explicit/run/podman/podman.sock", environ=environ)
    assert (explicit.host, explicit.identity, explicit.engine) == ("explicit", "/key", "podman")
    variable = resolve_podman(environ=environ)
    assert (variable.host, variable.identity, variable.engine) == ("variable", "/key", "podman")
    assert resolve_podman(variable, environ={}) is variable


def test_podman_does_not_look_at_docker_s_variables(tmp_path: Path) -> None:
    found = resolve_podman(environ={"DOCKER_HOST": "tcp://h", "XDG_RUNTIME_DIR": str(tmp_path)}, uid=0)
    assert str(found) == f"unix://{module.PODMAN_SOCKET}"


def test_podman_s_tls_variables() -> None:
    environ = {"CONTAINER_HOST": "tcp://h", "CONTAINER_TLS_CA": "/ca", "CONTAINER_TLS_CERT": "/c"}
    assert resolve_podman(environ=environ).tls == TLSFiles("/ca", "/c", None)
    assert resolve_podman(environ={"CONTAINER_HOST": "tcp://h"}).tls is None


def test_podman_s_default_sockets_for_a_user(tmp_path: Path) -> None:
    environ = {"XDG_RUNTIME_DIR": str(tmp_path / "xdg")}
    first = f"unix://{tmp_path}/xdg/podman/podman.sock"
    make_socket(Path(module.PODMAN_SOCKET))
    assert str(resolve_podman(environ=environ, uid=7)) == first
    fallback = make_socket(tmp_path / "run-user" / "7" / "podman" / "podman.sock")
    assert str(resolve_podman(environ=environ, uid=7)) == fallback
    assert str(resolve_podman(environ={}, uid=7)) == fallback
    assert make_socket(tmp_path / "xdg" / "podman" / "podman.sock") == first
    assert str(resolve_podman(environ=environ, uid=7)) == first


def test_podman_takes_the_process_s_user_and_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CONTAINER_HOST", raising=False)
    monkeypatch.delenv("XDG_RUNTIME_DIR", raising=False)
    rootless = f"{module.USER_RUNTIME_DIRS}/{os.geteuid()}/podman/podman.sock"
    assert resolve_podman().path == (rootless if os.geteuid() else module.PODMAN_SOCKET)
