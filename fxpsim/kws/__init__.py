"""Keyword spotting: labels, data sets, synthetic speech and the reference network."""
