"""Metrics in the Prometheus format. docs/operations.md lists them.

Labels never contain names, keys, tokens or addresses of clients. With several processes, set
`PROMETHEUS_MULTIPROC_DIR` before this package is imported: each process writes its values to files
in this folder, and every process exports the sum.
"""

from monotron.metrics.server import Metrics

__all__ = ["Metrics"]
