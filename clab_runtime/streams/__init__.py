"""What goes on: the lines of a log, the events of an engine."""
