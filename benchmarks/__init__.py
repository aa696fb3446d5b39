"""Measurements that docs/ quotes, each a script: `python -m benchmarks.NAME`."""
