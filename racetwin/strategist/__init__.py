"""EXPLAINING: ranked plans and twin states come in, checked recommendations go out."""
