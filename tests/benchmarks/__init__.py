"""Measure clab_runtime against aiodocker, docker-py, a bare socket and curl, on one engine: python -m tests.benchmarks.

Every competitor has a process of its own for the whole run, with nothing imported but what it needs. A repetition lets
all of them do the same job one after the other, so that what else the machine does hits all alike. After a warm-up,
figures are medians of at least five repetitions, and ratios are medians of each repetition's own ratio. All talk to the
same unix socket over connections that are kept, one client or session each. The garbage collector runs as in any
program.

unary_1, unary_20   inspect a container, one call at a time and twenty at a time (docker-py and the socket: threads)
logs                read a million lines of 100 bytes that a container without a TTY has written; not followed
events              receive 10,000 events of containers, while another process makes them happen
list_300            list a lab of 60 containers that run and 240 that do not; beside it the same requests, made alone
exec                run `true` in a container and get its exit code
import              import the package in a fresh interpreter, less what an empty interpreter takes

Wall is what the caller waits, CPU what its process uses, all threads and (curl) children counted, the engine's not.
"""
