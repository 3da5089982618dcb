"""What a nursery makes once, so that none of the fakes that it forks has to: the parsers of their command lines."""

from ...protocol.options import parser_of
from ...protocol.program_options import HiveOptions, HubOptions, QueenOptions, RelayOptions, WorkerOptions

_DAEMON = ("daemon",)

for _options, _program, _words in (
    (QueenOptions, "fake-queen", _DAEMON),
    (HiveOptions, "fake-hive", _DAEMON),
    (WorkerOptions, "fake-worker", ()),
    (HubOptions, "fake-hub", ()),
    (RelayOptions, "fake-relay", ()),
):
    parser_of(_options, _program, _words, "")
