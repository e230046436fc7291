"""Training of the reference networks in float; needs the extra ``train`` (PyTorch)."""
