"""Exports: clips that are written for somebody who waits for them, each by a process of its own."""
