"""What the journal costs an unpaced stream of tokens: `python tests/benchmarks/journal_cost.py`.

Several pairs of workers, one with a journal and one without, asked in turns; medians of ratios, never an absolute time.
"""

from __future__ import annotations

import http.client
import statistics
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent.parent))

from test_programs import program

PAIRS, ROUNDS, TOKENS = 8, 12, 2048


def tokens_per_second(port: int) -> float:
    """Reads one answer as fast as it comes."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    began = time.perf_counter()
    connection.request("POST", "/v1/inference", f'{{"prompt":"x","max_tokens":{TOKENS}}}')
    answer, count = connection.getresponse(), 0
    while data := answer.read1(65536):
        count += data.count(b"data: {")
    connection.close()
    return count / (time.perf_counter() - began)


def main() -> None:
    """Prints a line a pair, and the median."""
    costs = []
    with tempfile.TemporaryDirectory() as folder:
        for pair in range(PAIRS):
            words, journal = ["--port", "0", "--worker-id"], {"RBEE_JOURNALS": folder}
            with program("fake-worker", *words, "on", env=journal) as on, program("fake-worker", *words, "off") as off:
                speeds = [(tokens_per_second(on.ready["port"]), tokens_per_second(off.ready["port"])) for _ in range(ROUNDS)]
            with_journal, without = (statistics.median(column) for column in zip(*speeds, strict=True))
            costs.append(1 - with_journal / without)
            print(f"pair {pair + 1}: with a journal {with_journal:.0f} tokens/s, without {without:.0f}, cost {costs[-1]:.1%}", flush=True)
    print(f"median cost {statistics.median(costs):.1%}, from {min(costs):.1%} to {max(costs):.1%}")


if __name__ == "__main__":
    main()
