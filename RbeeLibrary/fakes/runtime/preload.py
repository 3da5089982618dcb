"""Builds the command line parsers once in the nursery, so that the fakes it forks need not build them."""

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
