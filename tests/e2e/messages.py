"""Numbers of the messages between processes, in the order of schemas/messages.h, and how one is packed."""
import msgpack

(BATCH_HEADER, GRADES, REJECT, ACK, GRADING, VERSION, PUBLISH, PUBLISHED, QUERY, CANCEL, ANSWER, SCHEMA, RECORD, ACCOUNT,
 REBUILD, REBUILT, DELIVER, DELIVERED, LOST) = range(19)


def pack(number, *fields):
    return msgpack.packb([1, number, *fields], use_bin_type=True)
