"""Front ends: audio samples in, integer feature codes out."""
