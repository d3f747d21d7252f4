"""Joins the layers into one running engine: feeds, twins, desk, journal."""
