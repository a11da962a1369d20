"""Starts programs from a process that has next to no memory: the other side of
:mod:`rdbench.programs.starting`.

What the kernel tells of a program's memory begins with that of the process which it was started
from: execve(2) replaces it, and getrusage(2) remembers it. A worker has hundreds of MiB. This
process has 6, and starts each program as a grandchild that becomes the worker's child, so that the
worker waits for it itself. It is a script of its own, run by an interpreter without packages:
nothing of rdbench is imported here, and as little else as can be.
"""

import errno
import marshal
import os
import signal
import socket
import sys

PLACES = 3
"""Descriptors that come with each request: standard input, output and error of the program."""


def main(descriptor: int) -> None:
    """Have a process ready for each byte that comes on the socket ``descriptor``, until it is
    closed, and say its number. It takes the request that comes next, and becomes the program; the
    answer is 0, or the error number that it ended with."""
    os.set_inheritable(descriptor, False)
    with socket.socket(fileno=descriptor) as worker:
        while worker.recv(1):
            reader, writer = os.pipe()
            between = os.fork()
            if between == 0:
                child = os.fork()
                if child == 0:
                    become(worker, writer)
                os.write(writer, child.to_bytes(8, "little"))
                os._exit(0)
            os.close(writer)
            # Only when the process between them has ended is the new one the worker's child.
            os.waitpid(between, 0)
            worker.sendall(os.read(reader, 8))
            number = os.read(reader, 8)  # nothing where the program has taken its place
            worker.sendall(number or bytes(8))
            os.close(reader)


def received(connection: socket.socket, size: int) -> bytes:
    """So many bytes. Raises :class:`EOFError` where the other side has ended."""
    data = b""
    while len(data) < size:
        more = connection.recv(size - len(data))
        if not more:
            raise EOFError("the other side has ended")
        data += more
    return data


def become(worker: socket.socket, writer: int) -> None:
    """Become the program that is asked for, or tell the error number and end."""
    try:
        size, places, _, _ = socket.recv_fds(worker, 8, PLACES)
        if size and len(places) < PLACES:  # the kernel leaves out those that there is no room for
            raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
        data = received(worker, int.from_bytes(size, "little")) if size else b""
        if not data:
            return
        arguments, folder, environment = marshal.loads(data)  # noqa: S302
        os.setpgid(0, 0)
        for number, place in enumerate(places):
            os.dup2(place, number)
        os.chdir(folder)
        for name in (signal.SIGPIPE, signal.SIGXFSZ):  # which Python ignores
            signal.signal(name, signal.SIG_DFL)
        os.execve(arguments[0], arguments, environment)  # noqa: S606
    except OSError as error:
        os.write(writer, (error.errno or errno.EIO).to_bytes(8, "little"))
    finally:
        os._exit(127)


if __name__ == "__main__":
    main(int(sys.argv[1]))
