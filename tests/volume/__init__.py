"""Mirrors `riskclf/volume`."""
