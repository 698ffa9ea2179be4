"""Asking queryd over ZeroMQ, as the gateway does."""
import msgpack
import zmq

QUERY, CANCEL, ANSWER = 8, 9, 10  # numbers of messages in schemas/messages.h
COUNT, HISTOGRAM, PERIODS, EVENTS, RECORDS, GRADING, GRADINGS = range(7)
OK, INVALID, TIMEOUT, UNAVAILABLE, TOO_LARGE, CANCELLED = range(6)
PAST, FUTURE = -2**63, 2**63 - 1


class Asker:
    """One asker of the queryd whose sockets are in `run_dir`."""

    def __init__(self, run_dir):
        self.run_dir = run_dir
        self.context = zmq.Context()
        self.socket = self.connect()
        self.id = 0

    def connect(self):
        socket = self.context.socket(zmq.DEALER)
        socket.setsockopt(zmq.LINGER, 0)
        socket.connect(f"ipc://{self.run_dir}/query")
        return socket

    def send(self, kind, type="*", content="*", probe="*", source="*", dest="*", path="*", since=PAST,
             until=FUTURE, instant=0, grade="all", low=1, high=5, limit=0, after="", version=0,
             timeout=0, socket=None):
        self.id += 1
        (socket or self.socket).send(msgpack.packb(
            [1, QUERY, self.id, kind, type, content, probe, source, dest, path, since, until, instant,
             grade, low, high, limit, after, version, timeout]))
        return self.id

    def receive(self, seconds=15, socket=None):
        socket = socket or self.socket
        assert socket.poll(seconds * 1000), "no answer"
        version, number, *rest = msgpack.unpackb(socket.recv(), strict_map_key=False)
        assert (version, number) == (1, ANSWER)
        return Answer(*rest)

    def ask(self, kind, **criteria):
        sent = self.send(kind, **criteria)
        answer = self.receive()
        assert answer.id == sent
        return answer

    def rows(self, kind, **criteria):
        answer = self.ask(kind, **criteria)
        assert answer.status == OK, answer.message
        return answer.rows

    def close(self):
        self.context.destroy()


class Answer:
    def __init__(self, id, status, message, columns, cells):
        self.id, self.status, self.message, self.columns = id, status, message, columns
        n = len(columns)
        assert n == 0 and not cells or len(cells) % n == 0
        self.rows = [dict(zip(columns, cells[i:i + n])) for i in range(0, len(cells), n or 1)]
