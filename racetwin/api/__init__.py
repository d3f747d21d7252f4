"""REST and WebSocket: a running engine comes in, answers for other teams and for viewers go out.

It sees the engine through the public face of `runtime`, and knows nothing of how frames arrive or what a panel looks like.
"""
