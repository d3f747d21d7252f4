"""SENSING: feeds come in, one ordered stream of validated frames and events goes out."""
