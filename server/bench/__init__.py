"""`python -m server bench`: how fast this machine samples, how far that is from its floor, and what the plain
method takes in the same run.

Needs torch, diffusers, transformers, peft and safetensors, and none of the server's web framework.
"""
