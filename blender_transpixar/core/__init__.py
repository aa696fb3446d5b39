"""Everything that needs no Blender: the contract, the courier process, clip folders and timing.

Standard library, numpy and requests only; a test asserts that nothing in here imports bpy.
"""
