"""clab_runtime."""
