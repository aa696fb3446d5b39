"""Finishing: what is done to a clip's frames between reading and writing.

Every step is one module: its settings, its arithmetic as a pure function, and its use on a stream of frames. `recipe`
puts steps in an order.
"""
