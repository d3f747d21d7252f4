"""Lap tables come in, fitted and versioned race-model parameters go out."""
