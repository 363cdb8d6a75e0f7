"""The thin facade: containerlab's runtime interface, mapped onto an engine client."""
