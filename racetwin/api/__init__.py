"""REST and WebSocket for other teams and for viewers."""
