"""A docker CLI that is logged in nowhere."""

from tests.contract.conftest import docker_config

__all__ = ["docker_config"]
