"""THINKING, the beliefs: frames and events come in, the state of every car with its uncertainty goes out."""
