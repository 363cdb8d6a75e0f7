"""Nodes, labels, settings and images: the small models."""

import pytest

from clab_runtime import models
from clab_runtime.errors import InvalidValueError
from clab_runtime.models import (
    EndpointlessNode,
    GraphDriver,
    GraphDriverData,
    ImageConfig,
    ImageInspect,
    Node,
    NodeConfig,
    RootFS,
    RuntimeConfig,
    labels,
)


def test_the_public_names_are_sorted_and_there() -> None:
    assert models.__all__ == sorted(models.__all__)
    assert all(hasattr(models, name) for name in models.__all__)


def test_an_endpointless_node_is_a_node() -> None:
    node: Node = EndpointlessNode(NodeConfig(short_name="r1"))
    assert node.config.short_name == "r1"
    assert node.get_endpoints() == ()


def test_labels_keep_containerlabs_names() -> None:
    named = {value for name, value in vars(labels).items() if name.isupper()}
    assert named == {
        "containerlab",
        "clab-node-name",
        "clab-node-longname",
        "clab-node-kind",
        "clab-node-type",
        "clab-node-group",
        "clab-node-lab-dir",
        "clab-topo-file",
        "clab-mgmt-net-bridge",
        "clab-owner",
    }


def test_containers_are_named_as_containerlab_names_them() -> None:
    assert labels.container_name("demo", "r1") == "clab-demo-r1"


def test_settings_have_gos_defaults() -> None:
    config = RuntimeConfig()
    assert (config.timeout, config.graceful_shutdown, config.debug, config.keep_mgmt_net) == (0, False, False, False)
    assert config.verify_link_params.run_bridge_exists_check


@pytest.mark.parametrize("timeout", [-1, float("nan")])
def test_a_timeout_is_no_negative_number(timeout: float) -> None:
    with pytest.raises(InvalidValueError, match=r"timeout: .* give seconds"):
        RuntimeConfig(timeout=timeout)


def test_an_image_that_says_little_is_complete_all_the_same() -> None:
    image = ImageInspect(id="sha256:0")
    assert (image.config, image.root_fs, image.graph_driver) == (ImageConfig(), RootFS(), GraphDriver())
    assert image.graph_driver.data == GraphDriverData(upper_dir="", work_dir="", merged_dir="")
