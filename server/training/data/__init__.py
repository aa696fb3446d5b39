"""Folders of clips with captions as training data: found, checked, prepared, and cached as latents.

    find_clips -> check -> prepare -> LatentCache -> BucketSampler

`finding`, `captions`, `checking` and `report` need no torch; `preparing` encodes, `cache` and `sampler` are what a
training loop reads.
"""
