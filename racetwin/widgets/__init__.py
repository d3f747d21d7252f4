"""What a strategist sees and touches: anywidget panels, each beside its script and style."""
